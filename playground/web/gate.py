"""Rejects oversized or forbidden requests before Gradio parses them.

Gradio takes a body of any length, serves files that others uploaded, fetches any
public address that a request names, and keeps what it fetched. The page needs none of
it: a request is a line of numbers and a prompt, or one saved run.
"""

import asyncio
import json
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from playground.exports import MAX_BYTES
from playground.web.addresses import site_of, trust_the_proxy_of_a_space
from playground.web.listeners import Listeners
from playground.web.lost_connections import end_lost_connections
from playground.web.request_bodies import NO_FUNCTION, Bodies
from playground.web.routes import API, methods_of
from playground.web.uploads import SECONDS_A_FILE_STAYS, TooManyFiles, Uploads

MAX_REQUEST = 2 * 1024 * 1024
"""Bytes of a request without a file; 100,000 characters may take 1.2 MB."""

MAX_UPLOAD = MAX_BYTES + 64 * 1024
"""Bytes of a request with a file, its envelope included."""

MAX_FILES = 8
"""Of one request; the page sends one."""

MAX_OPEN = 256
"""Requests of one address that are being answered; an open tab has two."""

SECONDS_FOR_MORE = 30
"""Until the next part of a request's body has to come."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
_log = logging.getLogger(__name__)


class GuardedBlocks(gr.Blocks):
    """Blocks with the gate before them, however they are launched."""

    def __init__(self, **options: Any) -> None:
        # Else Gradio counts all events once more after each of them, with pandas.
        os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
        os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "100")
        super().__init__(**options)
        self.listeners = Listeners()
        self.uploads = Uploads()

    def launch(self, *args: Any, **options: Any) -> Any:
        trust_the_proxy_of_a_space()
        gate = {
            "bodies": Bodies(self, self.uploads.knows),
            "listeners": self.listeners,
            "uploads": self.uploads,
            "mcp": bool(options.get("mcp_server")),
        }
        app = {"middleware": [(Gate, (), gate)], "max_body_size": MAX_UPLOAD}
        launched = super().launch(*args, app_kwargs=app, **options)
        end_lost_connections(self.server)
        return launched

    def close(self, *args: Any, **options: Any) -> None:
        super().close(*args, **options)
        self.uploads.close()


class Refused(Exception):
    """A request that is not answered, and why."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass
class Gate:
    """An ASGI application around another one.

    With `mcp` the routes of its tools are open too.
    """

    app: App
    bodies: Bodies
    listeners: Listeners
    uploads: Uploads
    mcp: bool = False
    _open: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._in_words(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await self.app(scope, receive, send)

    async def _in_words(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, whatever happens: Gradio raises for much that it does not expect."""
        has_begun = False

        async def note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            with self._counted(scope):
                await self._answer(scope, _in_time(receive), note)
        except Refused as refused:
            await _refuse(send, refused.status, str(refused))
        except Exception as error:
            cause = error.__cause__ or error
            words = f"{type(cause).__name__}: {cause}".split("\n")[0]
            asked = f"{scope['method']} {scope['path']!r:.200}"
            _log.warning("%s was not answered: %.300s", asked, words)
            if not has_begun:
                await _refuse(send, 400, NO_FUNCTION)
            else:
                with suppress(Exception):
                    await send({"type": "http.response.body", "body": b""})

    @contextmanager
    def _counted(self, scope: Message) -> Iterator[None]:
        address = _address(scope)
        if self._open[address] >= MAX_OPEN:
            words = f"You already have {MAX_OPEN} open requests. Close some."
            raise Refused(429, words)
        self._open[address] += 1
        try:
            yield
        finally:
            self._open[address] -= 1
            self._open += Counter()  # forgets who has none

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        path, method = str(scope["path"]), str(scope["method"])
        path = path.removeprefix(str(scope.get("root_path") or "").rstrip("/"))
        methods = methods_of(path, self.mcp)
        if not methods:
            raise Refused(404, "This page has no such address.")
        if method not in methods:
            raise Refused(405, f"This address takes {' and '.join(methods)} only.")
        route = path.removeprefix(API)
        if route == "/upload":
            await self._upload(scope, receive, send)
        elif stream := _stream_of(route, scope):
            await self._listen(stream, scope, receive, send)
        elif method == "POST":
            body = await _body(receive, MAX_REQUEST)
            if fault := self.bodies.fault(route, body):
                raise Refused(400, fault)
            await self.app(scope, _again(body, receive), send)
        else:
            await self.app(scope, receive, send)

    async def _listen(
        self, session: str, scope: Message, receive: Receive, send: Send
    ) -> None:
        """Tell the listeners of a stream, and whether what is sent is taken in."""
        with self.listeners.listening(session) as stream:

            async def note(message: Message) -> None:
                with stream.sending():
                    await send(message)

            await self.app(scope, receive, note)

    async def _upload(self, scope: Message, receive: Receive, send: Send) -> None:
        """Keep the files of a form; the answer is their paths, as Gradio's is."""
        self.uploads.delete_old()
        try:
            with self.uploads.on_the_way(_address(scope)) as upload:
                contents = await _files(scope, receive)
                paths = await asyncio.to_thread(self.uploads.keep, upload, contents)
        except TooManyFiles as fault:
            raise Refused(429, str(fault)) from fault
        loop = asyncio.get_running_loop()
        loop.call_later(SECONDS_A_FILE_STAYS + 1, self.uploads.delete_old)
        await _send_json(send, 200, paths)


def _address(scope: Message) -> str:
    client = scope.get("client")
    return site_of(str(client[0])) if client else ""


def _stream_of(route: str, scope: Message) -> str:
    """The session, or event, to whose stream a request listens; "" if to none."""
    if scope["method"] != "GET":
        return ""
    if route.startswith("/call/"):
        return route.rpartition("/")[2]
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query.get("session_hash", [""])[-1] if route == "/queue/data" else ""


def _in_time(receive: Receive) -> Receive:
    """What comes, as long as the body's next part does not take too long."""
    has_all = False

    async def next_message() -> Message:
        nonlocal has_all
        if has_all:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), SECONDS_FOR_MORE)
        except TimeoutError:
            words = f"Nothing came for {SECONDS_FOR_MORE} s. Send the request again."
            raise Refused(408, words) from None
        has_all = not message.get("more_body", False)
        return message

    return next_message


async def _body(receive: Receive, most: int) -> bytes:
    """The whole body. Raises Refused if it is too long."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise Refused(413, f"A request may have {most:,} bytes. Shorten it.")
    return bytes(body)


async def _files(scope: Message, receive: Receive) -> list[bytes]:
    """The files of a form. Raises Refused for what is none, or too long."""
    length = 0

    async def bounded() -> Message:
        nonlocal length
        message = await receive()
        length += len(message.get("body", b""))
        if length > MAX_UPLOAD:
            raise Refused(413, f"A file may have {MAX_BYTES:,} bytes.")
        return message

    try:
        async with Request(scope, bounded).form(
            max_files=MAX_FILES, max_fields=MAX_FILES
        ) as form:
            files = [f for f in form.getlist("files") if isinstance(f, UploadFile)]
            if not files:
                raise Refused(400, "A form with `files` was expected.")
            return [await file.read() for file in files]
    except HTTPException as fault:
        raise Refused(400, str(fault.detail)) from fault


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, then what comes after it."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def next_message() -> Message:
        return next(messages, None) or await receive()

    return next_message


async def _refuse(send: Send, status: int, words: str) -> None:
    await _send_json(send, status, {"detail": words}, (b"connection", b"close"))


async def _send_json(
    send: Send, status: int, value: Any, *more: tuple[bytes, bytes]
) -> None:
    body = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
