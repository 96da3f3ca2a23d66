"""`generate`: write text after a prompt."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from playground.commands.status_line import StatusLine
from playground.controls import BY_NAME, DTYPES, SAMPLERS, parse_token_ids, unescaped
from playground.presets import DEFAULT_PRESET
from playground.settings import GenerationSettings


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
    add("--chat", action="store_true", help=BY_NAME["chat"].help)
    add("--sampler", choices=SAMPLERS, default=BY_NAME["sampler"].default)
    for name, kind, letter in (
        ("temperature", float, "T"),
        ("top_k", int, "K"),
        ("top_p", float, "P"),
        ("seed", int, "N"),
        ("sliding_window", int, "W"),
    ):
        control = BY_NAME[name]
        flag = f"--{name.replace('_', '-')}"
        add(flag, type=kind, default=control.default, metavar=letter, help=control.help)
    length = parser.add_mutually_exclusive_group()
    for name in ("max_length", "max_new_tokens"):
        flag = f"--{name.replace('_', '-')}"
        length.add_argument(flag, type=int, metavar="N", help=BY_NAME[name].help)
    add("--shorten-prompt", action="store_true", help=BY_NAME["shorten_prompt"].help)
    add("--stop-token-ids", default="auto", help=BY_NAME["stop_token_ids"].help)
    add(
        "--stop",
        action="append",
        default=[],
        metavar="TEXT",
        help=r"stop before this text (\n is a new line); may be given several times",
    )
    add(
        "--keep-stop-string",
        action="store_true",
        help=BY_NAME["keep_stop_string"].help,
    )
    add("--strip-prompt", action="store_true", help=BY_NAME["strip_prompt"].help)
    add("--json", action="store_true", help="print one JSON object at the end instead")


def _settings(options: argparse.Namespace) -> GenerationSettings:
    max_new_tokens = options.max_new_tokens
    if max_new_tokens is None and options.max_length is None:
        max_new_tokens = BY_NAME["max_new_tokens"].default
    return GenerationSettings(
        sampler=options.sampler,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        seed=options.seed,
        max_new_tokens=max_new_tokens,
        max_length=options.max_length,
        shorten_prompt=options.shorten_prompt,
        stop_token_ids=parse_token_ids(options.stop_token_ids),
        stop_strings=tuple(map(unescaped, options.stop)),
        keep_stop_string=options.keep_stop_string,
        sliding_window=options.sliding_window,
        chat=options.chat,
        strip_prompt=options.strip_prompt,
    )


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
        self._status = StatusLine()

    def show(self, event: Any) -> None:
        from playground.engine import Compiling, Finished, Loading, Step

        match event:
            case Loading():
                self._status.show(event.message, event.fraction)
            case Compiling():
                self._status.show(f"Compiling, first time only ({event.program})")
            case Step():
                self._status.show("")
                self._text(event.text)
            case Finished():
                self._status.show("")
                kept = self._settings.keep_stop_string
                self._text(event.text + (event.stop_string if kept else ""))
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
