"""`generate`: write text after a prompt."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from playground.commands.status_line import StatusLine
from playground.controls import (
    BY_NAME,
    CONTROLS,
    DTYPES,
    Control,
    read_value,
    unescaped,
)
from playground.presets import DEFAULT_PRESET
from playground.settings import GenerationSettings

FLAGS = {"stop_strings": "--stop"}
LENGTHS = ("max_new_tokens", "max_length")


def add_parser(commands: Any) -> None:
    """Tell argparse of this command."""
    parser = commands.add_parser(
        "generate", help="write text after a prompt, to standard output as it comes"
    )
    parser.set_defaults(run=_generate)
    add = parser.add_argument
    add("prompt", metavar="PROMPT")
    add(
        "--preset",
        default=DEFAULT_PRESET,
        metavar="NAME_OR_PATH",
        help="what from_preset takes (default: %(default)s)",
    )
    add("--dtype", choices=DTYPES, help="of the weights (default: the fastest here)")
    lengths = parser.add_mutually_exclusive_group()
    for control in CONTROLS:
        is_length = control.name in LENGTHS
        _add_control(lengths.add_argument if is_length else add, control)
    add("--json", action="store_true", help="print one JSON object at the end instead")


def _add_control(add: Any, control: Control) -> None:
    """The option of a control; a switch where it is a toggle, off unless given."""
    flag = FLAGS.get(control.name, f"--{control.name.replace('_', '-')}")
    words = control.help.replace("%", "%%")
    common = {"dest": control.name, "help": words}
    match control.kind:
        case "toggle":
            add(flag, action="store_true", **common)
        case "choice":
            add(flag, choices=control.choices, default=control.default, **common)
        case "texts":
            add(flag, action="append", default=[], metavar="TEXT", **common)
        case "number" | "integer":
            kind = float if control.kind == "number" else int
            # Of the two lengths the one that is given counts.
            default = None if control.name in LENGTHS else control.default
            add(flag, type=kind, default=default, metavar="N", **common)
        case _:
            add(flag, default=control.default, metavar="IDS", **common)


def _settings(options: argparse.Namespace) -> GenerationSettings:
    values = {
        control.name: read_value(control, getattr(options, control.name))
        for control in CONTROLS
    }
    values["stop_strings"] = tuple(map(unescaped, values["stop_strings"]))
    if values["max_new_tokens"] is None and values["max_length"] is None:
        values["max_new_tokens"] = BY_NAME["max_new_tokens"].default
    return GenerationSettings(**values)


def _generate(options: argparse.Namespace) -> int:
    settings = _settings(options)
    # Keras and JAX take seconds to import, so bad input is answered before.
    from playground.engine import Finished
    from playground.session import Session, start_engine

    window = {"sliding_window": options.sliding_window}
    overrides = {name: value for name, value in window.items() if value is not None}
    started = time.perf_counter()
    engine = start_engine(
        options.preset, warm_length=0, dtype=options.dtype, **overrides
    )
    session, finished = Session(engine), Finished(reason="error")
    printer = _Printer(session, silent=options.json, settings=settings)
    load_seconds = 0.0
    for event in session.generate(options.prompt, settings):
        if not load_seconds and engine.model is not None:
            load_seconds = time.perf_counter() - started
        printer.show(event)
        if isinstance(event, Finished):
            finished = event
    if options.json:
        print(json.dumps(_report(options.preset, session, finished, load_seconds)))
    if finished.reason == "error":
        print(f"error: {finished.message}", file=sys.stderr)
        return 1
    return 0


class _Printer:
    """Text to standard output as it comes; what takes long to standard error."""

    def __init__(
        self, session: Any, silent: bool, settings: GenerationSettings
    ) -> None:
        self._session = session
        self._silent = silent
        self._settings = settings
        self._pending_prompt = not settings.strip_prompt
        self._searches = False
        self._status = StatusLine()

    def show(self, event: Any) -> None:
        from playground.engine import Beams, Compiling, Finished, Loading, Step

        match event:
            case Loading():
                self._status.show(event.message, event.fraction)
            case Compiling():
                self._status.show(f"Compiling, first time only ({event.program})")
            case Step():
                self._status.show("")
                self._text(event.text)
            case Beams():  # no text is final before the end
                self._searches = True
                self._status.show(f"Comparing texts of {event.index + 1} tokens")
            case Finished():
                self._status.show("")
                kept = self._settings.keep_stop_string
                rest = event.text + (event.stop_string if kept else "")
                self._text(self._session.shown_text if self._searches else rest)
                if not self._silent:
                    print(flush=True)

    def _text(self, text: str) -> None:
        if self._silent:
            return
        if self._pending_prompt:
            text, self._pending_prompt = self._session.prompt_text + text, False
        print(text, end="", flush=True)


def _report(
    preset: str, session: Any, finished: Any, load_seconds: float
) -> dict[str, Any]:
    """The run as one JSON object."""
    return {
        **session.transcript.to_json(),
        "preset": preset,
        "text": session.whole_text,
        "left_out_tokens": finished.left_out_tokens,
        "timings": {"load": load_seconds, **asdict(finished.timings)},
        "compilations": finished.compilations,
    }
