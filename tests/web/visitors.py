"""Visitors without a browser: what the page's own client sends, over plain HTTP.

A visitor has two connections that stay open, as a browser's tab has: the heartbeat,
and the stream of what its events give. Either can be cut.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from gradio_client.utils import apply_diff

from tests.screen import Screen

API = "/gradio_api"
Outputs = list[Any]
SKIPPED = {"__type__": "update"}


@dataclass(frozen=True)
class Action:
    """A function of the page: what a click calls, and what the page would send."""

    fn_index: int
    inputs: tuple[str, ...]
    """Element ids of its inputs, "" where there is none."""
    defaults: tuple[Any, ...]


class Site:
    """What the page tells its own client about itself."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        config = httpx.get(f"{self.url}/config", timeout=30).json()
        self._props = {each["id"]: each["props"] for each in config["components"]}
        self._functions = config["dependencies"]

    def action(self, elem_id: str, event: str) -> Action:
        """What the element's event calls first on the server."""
        for function in self._functions:
            if not function["backend_fn"]:
                continue
            for target, name in function["targets"]:
                props = self._props.get(target, {})
                if name == event and props.get("elem_id") == elem_id:
                    return self._action(function)
        raise ValueError(f"No element {elem_id} with an event {event}.")

    def then(self, action: Action) -> Action:
        """What comes after `action` is over."""
        return self._action(
            next(
                each
                for each in self._functions
                if each["trigger_after"] == action.fn_index
            )
        )

    def endpoint(self, name: str) -> Action:
        """What programs may call; its inputs have their parameters' names."""
        info = httpx.get(f"{self.url}{API}/info", timeout=30).json()
        parameters = info["named_endpoints"][f"/{name}"]["parameters"]
        function = next(f for f in self._functions if f["api_name"] == name)
        return Action(
            function["id"],
            tuple(each["parameter_name"] for each in parameters),
            tuple(each.get("parameter_default") for each in parameters),
        )

    def _action(self, function: dict[str, Any]) -> Action:
        props = [self._props[number] for number in function["inputs"]]
        return Action(
            function["id"],
            tuple(each.get("elem_id") or "" for each in props),
            tuple(each.get("value") for each in props),
        )


class Refused(Exception):
    """The server did not take an event, or it failed; its words."""


class Visitor:
    """One tab. Use it as `async with Visitor(site) as visitor`."""

    def __init__(self, site: Site, address: str | None = None) -> None:
        self.site = site
        self.name = uuid4().hex[:12]
        self.screen = Screen()
        """What stands in its output, if it is shown each value there (`show`)."""
        self.bytes_heard = 0
        """How much came over the stream of outputs."""
        self.is_there = True
        headers = {"X-Forwarded-For": address} if address else {}
        self._http = httpx.AsyncClient(
            base_url=site.url + API, headers=headers, timeout=None
        )
        self._events: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._stream: asyncio.Task[None] | None = None
        self._heartbeat: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Visitor":
        alive = asyncio.Event()
        self._heartbeat = asyncio.create_task(self._beat(alive))
        await alive.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()
        await self._http.aclose()

    async def leave(self) -> None:
        """Close both connections, as a browser does with its tab."""
        self.is_there = False
        await self.cut_heartbeat()
        await self.cut_stream()

    async def cut_heartbeat(self) -> None:
        """Close the connection by which the server sees that the tab is open."""
        await _cut(self._heartbeat)

    async def cut_stream(self) -> None:
        """Close the connection over which outputs come."""
        await _cut(self._stream)

    async def ask(
        self, action: Action, event_data: Any = None, **values: Any
    ) -> AsyncIterator[Outputs]:
        """Every update of the outputs, as a browser would show them; joins at once.

        `values` go to the inputs with these element ids, else the page's own.
        """
        if self._stream is not None and not self._events:
            await self._stream  # it ends with the last event
        body = self._body(action, event_data, values)
        answer = await self._http.post("/queue/join", json=body)
        if answer.status_code != 200:
            raise Refused(answer.text)
        event_id = answer.json()["event_id"]
        self._events.setdefault(event_id, asyncio.Queue())
        if self._stream is None or self._stream.done():
            hears = asyncio.Event()
            self._stream = asyncio.create_task(self._listen(hears))
            await hears.wait()
        return self._outputs(event_id)

    async def all_of(
        self, action: Action, event_data: Any = None, **values: Any
    ) -> list[Outputs]:
        """The same, waited for to the end."""
        updates = await self.ask(action, event_data, **values)
        return [each async for each in updates]

    async def show(self, value: dict[str, Any]) -> None:
        """Put a value of the output on the screen; ask for what it lacks."""
        if not self.screen.show(value):
            (whole,) = await self.at_once(self.site.action("output", "input"))
            assert self.screen.show(whole)

    async def at_once(self, action: Action, event_data: Any = None) -> Outputs:
        """Call what does not stand in line, such as Stop."""
        body = self._body(action, event_data, {})
        answer = await self._http.post("/run/predict", json=body)
        if answer.status_code != 200:
            raise Refused(answer.text)
        return list(answer.json()["data"])

    def _body(
        self, action: Action, event_data: Any, values: dict[str, Any]
    ) -> dict[str, Any]:
        pairs = zip(action.inputs, action.defaults, strict=True)
        return {
            "data": [values.get(name, default) for name, default in pairs],
            "fn_index": action.fn_index,
            "session_hash": self.name,
            "event_data": event_data,
            "trigger_id": None,
        }

    async def _beat(self, alive: asyncio.Event) -> None:
        async with self._http.stream("GET", f"/heartbeat/{self.name}") as stream:
            async for _ in stream.aiter_lines():
                alive.set()

    async def _listen(self, hears: asyncio.Event) -> None:
        query = {"session_hash": self.name}
        async with self._http.stream("GET", "/queue/data", params=query) as stream:
            hears.set()
            async for line in stream.aiter_lines():
                self.bytes_heard += len(line)
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    if event_id := message.get("event_id"):  # perhaps not yet known
                        heard = self._events.setdefault(event_id, asyncio.Queue())
                        heard.put_nowait(message)

    async def _outputs(self, event_id: str) -> AsyncIterator[Outputs]:
        shown: Outputs | None = None
        heard = self._events[event_id]
        while True:
            message = await heard.get()
            kind, output = message["msg"], message.get("output") or {}
            if kind == "process_generating" and message["success"]:
                data = output["data"]
                if shown is not None:
                    pairs = zip(shown, data, strict=True)
                    data = [apply_diff(before, diff) for before, diff in pairs]
                shown = data
                yield shown
            elif kind == "process_completed":
                del self._events[event_id]
                if not message["success"]:
                    raise Refused(str(output.get("error")))
                yield output.get("data") or []
                return


def is_skipped(output: Any) -> bool:
    """Whether an update leaves what is shown as it is."""
    return output == SKIPPED


async def _cut(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError, httpx.HTTPError):
            await task
