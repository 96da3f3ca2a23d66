"""What is wrong with a request's body, found before Gradio reads it.

Gradio raises, and writes pages into the log, for a function that is not there, values
that are too few, or a file that was never uploaded.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from pydantic import ValidationError

MAX_DEPTH = 32
"""Of lists in lists: what the page sends has 5."""

MAX_SESSION = 100
"""Characters of a session's name; Gradio's have 36 at most."""

NO_FUNCTION = "The page has no function for this request."
NOT_UPLOADED = "This file was not uploaded by a user of this page."
FROM_ELSEWHERE = "This page fetches no files from elsewhere. Upload the file."
TOO_DEEP = f"A request may have lists in lists, {MAX_DEPTH} deep and no deeper."


@dataclass(frozen=True)
class Bodies:
    """Checks what is sent to the functions of a page.

    `is_uploaded` says of a path whether a visitor's file lies there.
    """

    blocks: gr.Blocks
    is_uploaded: Callable[[Any], bool]

    def fault(self, path: str, body: bytes) -> str | None:
        """What is wrong with a request to `path`, None if nothing is.

        What is no JSON, or has values of a wrong type, is left to Gradio, which says so
        in words.
        """
        try:
            sent = json.loads(body) if body else None
        except RecursionError:
            return TOO_DEEP
        except ValueError:
            return None
        return self._fault_of_values(sent) or self._fault_of_call(path, sent)

    def _fault_of_values(self, sent: Any) -> str | None:
        level = [sent]
        for _ in range(MAX_DEPTH):
            level = [inner for value in level for inner in _parts(value)]
            faults = map(self._fault_of_file, level)
            if fault := next(filter(None, faults), None):
                return fault
        return TOO_DEEP if level else None

    def _fault_of_file(self, value: Any) -> str | None:
        """Of what Gradio would take for a file."""
        if not isinstance(value, dict) or "path" not in value:
            return None
        path = value["path"]
        if isinstance(path, str) and "://" in path:
            return FROM_ELSEWHERE
        try:
            FileData(**value)
        except (ValidationError, TypeError):
            return NOT_UPLOADED
        return None if self.is_uploaded(path) else NOT_UPLOADED

    def _fault_of_call(self, path: str, sent: Any) -> str | None:
        """Of a function's number or name, and of how many values are sent to it."""
        kind, name = path.rstrip("/").split("/")[-2:]
        if kind not in ("call", "run", "api") and (kind, name) != ("queue", "join"):
            return None
        if not isinstance(sent, dict) or not isinstance(sent.get("data"), list):
            return None
        session = sent.get("session_hash")
        if isinstance(session, str) and not 0 < len(session) <= MAX_SESSION:
            return f"The name of a session has 1 to {MAX_SESSION} characters."
        is_call = kind == "call"
        number = None if is_call else sent.get("fn_index")
        if isinstance(number, bool) or (
            isinstance(number, str) and number.strip().isdecimal()
        ):
            number = int(number)  # as Gradio reads it
        if isinstance(number, str | list | dict):
            return None
        function = self._function(number, None if name == "join" else name)
        if function is None or function.fn is None or sent.get("batched"):
            return NO_FUNCTION
        return _fault_of_data(function, sent["data"], is_call)

    def _function(self, number: Any, name: str | None) -> Any:
        if number is not None:
            is_whole = isinstance(number, int)
            return self.blocks.fns.get(number) if is_whole else None
        named = (fn for fn in self.blocks.fns.values() if fn.api_name == name)
        return next(named, None) if name is not None else None


def _fault_of_data(function: Any, data: list[Any], is_call: bool) -> str | None:
    inputs = function.inputs
    if is_call and len(data) != len(inputs):
        inputs = [block for block in inputs if not block.skip_api]
    if len(data) != len(inputs):
        return f"This function takes {len(inputs)} values, got {len(data)}."
    for block, value in zip(inputs, data, strict=True):
        is_file = getattr(block, "data_model", None) is not None
        if is_file and value is not None and not _is_file(value):
            return NOT_UPLOADED
    return None


def _is_file(value: Any) -> bool:
    """Whether Gradio takes it for one; whether it was uploaded is checked before."""
    return isinstance(value, dict) and {"path", "meta"} <= set(value)


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()
