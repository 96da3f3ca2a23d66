"""The page as a program: what the environment asks for, started and served.

PLAYGROUND_PRESET           the model
PLAYGROUND_MODELS           others that visitors may choose, with commas between them;
                            name@float32 is one in that dtype
PLAYGROUND_DTYPE            float32, bfloat16 or int8; else the fastest on this device
PLAYGROUND_MAX_NEW_TOKENS   the most for one run
PLAYGROUND_MAX_SECONDS      the longest a run may take
PLAYGROUND_PEOPLE           how many texts are written at once, at most 8
PLAYGROUND_MCP              1: the endpoints are MCP tools too; needs the package mcp
PLAYGROUND_CACHE_DIR        where models and compiled programs are kept
GRADIO_SERVER_NAME, GRADIO_SERVER_PORT   where the page listens
"""

import contextlib
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import NoReturn

import gradio as gr

from playground.controls import BY_NAME, DTYPES
from playground.engine import MAX_ACTIVE, Engine
from playground.interface import console, self_check
from playground.interface.model_card import facts_of
from playground.interface.warm_up import warm_up_views
from playground.models import MistralCausalLM
from playground.presets import DEFAULT_PRESET
from playground.presets.source import fault_of_name
from playground.session import start_engine
from playground.system.cache_folder import cache_folder
from playground.web.offered_models import split_name
from playground.web.page import build
from playground.web.theme import LAUNCH

MORE = f"shakespeare_mistral, {DEFAULT_PRESET}@float32"
"""The first comes along and is ready in seconds, while a larger one still loads."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a page offers, and within which limits.

    Attributes:
        preset: The model that is loaded at once.
        more: Models that visitors may choose besides, `name@dtype` or a name.
        dtype: Of every model without one of its own; None is the device's fastest.
        max_new_tokens: The most for one run.
        max_seconds: The longest a run may take.
        people: How many texts are written at once.
        mcp: Whether the endpoints are MCP tools too.
    """

    preset: str
    more: tuple[str, ...]
    dtype: str | None
    max_new_tokens: int
    max_seconds: int
    people: int
    address: str
    port: int
    mcp: bool

    @classmethod
    def from_environment(cls) -> "Program":
        """From the variables above. Exits, in words, if one cannot be."""
        most = int(BY_NAME["max_new_tokens"].maximum or 0)
        preset, more = _names_of_models()
        return cls(
            preset=preset,
            more=more,
            dtype=_dtype(),
            max_new_tokens=_number("PLAYGROUND_MAX_NEW_TOKENS", most, maximum=most),
            max_seconds=_number("PLAYGROUND_MAX_SECONDS", 600, maximum=86_400),
            people=_number("PLAYGROUND_PEOPLE", MAX_ACTIVE, maximum=MAX_ACTIVE),
            address=self_check.address(),
            port=_number("GRADIO_SERVER_PORT", self_check.DEFAULT_PORT, maximum=65_535),
            mcp=_mcp(),
        )

    def start(self, name: str) -> Engine[MistralCausalLM]:
        """An engine for this page that loads a model."""
        model, wanted = split_name(name)
        engine = start_engine(
            model,
            warm_rows=self.people,
            max_seconds=self.max_seconds,
            dtype=wanted or self.dtype,
        )
        threading.Thread(target=warm_up_views, args=(engine,), daemon=True).start()
        return engine

    def build(self, engine: Engine[MistralCausalLM]) -> gr.Blocks:
        """The page over the engine of its first model."""
        starts = {name: partial(self.start, name) for name in self.more}
        return build(
            engine, self.preset, max_new_tokens=self.max_new_tokens, more=starts
        )

    def serve(self, page: gr.Blocks, engine: Engine[MistralCausalLM]) -> NoReturn:
        """Until interrupted, or told to end, as a Space before it sleeps."""
        console.write_any_text()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            _, url, _ = page.launch(
                server_name=self.address,
                server_port=self.port,
                prevent_thread_lock=True,
                quiet=True,
                mcp_server=self.mcp,
                **LAUNCH,
            )
            _say(f"Mistral Playground: {url}")
            threading.Thread(
                target=self._print_progress, args=(engine,), daemon=True
            ).start()
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            _leave(0)
        except OSError as error:  # the port was taken since it was tried
            fault = self_check.port_fault(self.address, os.environ)
            print(fault or error, file=sys.stderr)
            _leave(1)

    def _print_progress(self, engine: Engine[MistralCausalLM]) -> None:
        """Print how loading goes, a line for each change, until it is over."""
        printed = ""
        while True:
            status = engine.status
            percent = "" if status.fraction is None else f" {status.fraction:.0%}"
            line = f"{status.message or status.phase}{percent}"
            line = self._ready_line(engine) if status.phase == "ready" else line
            if line != printed:
                _say(line)
            if status.phase in ("ready", "failed"):
                return
            printed = line
            time.sleep(0.5)

    def _ready_line(self, engine: Engine[MistralCausalLM]) -> str:
        """What runs here, where, and within which limits."""
        assert engine.model is not None
        limits = (
            f"{self.max_new_tokens:,} new tokens and {self.max_seconds:,} s a run, "
            f"{self.people} at once"
        )
        kept = f"kept in {cache_folder()}"
        parts = [self.preset, *facts_of(engine.model), limits, kept]
        return f"Ready: {' · '.join(parts)}"


def _number(variable: str, default: int, maximum: int) -> int:
    """An environment variable as a number from 1 to `maximum`; exits if it is not."""
    text = os.environ.get(variable) or str(default)
    if text.isdecimal() and 1 <= int(text) <= maximum:
        return int(text)
    sys.exit(f"{variable} must be a whole number from 1 to {maximum}, got {text!r}.")


def _dtype() -> str | None:
    """PLAYGROUND_DTYPE, None if it is not set; exits if it is no dtype."""
    text = os.environ.get("PLAYGROUND_DTYPE") or None
    if text in (*DTYPES, None):
        return text
    sys.exit(f"PLAYGROUND_DTYPE must be one of {', '.join(DTYPES)}, got {text!r}.")


def _mcp() -> bool:
    """Whether PLAYGROUND_MCP is on; exits if it cannot be."""
    text = os.environ.get("PLAYGROUND_MCP") or "0"
    if text not in ("0", "1"):
        sys.exit(f"PLAYGROUND_MCP must be 0 or 1, got {text!r}.")
    if text == "1" and find_spec("mcp") is None:
        wanted = f"gradio[mcp]=={gr.__version__}"
        sys.exit(f"PLAYGROUND_MCP=1 needs one more package: pip install '{wanted}'")
    return text == "1"


def _names_of_models() -> tuple[str, tuple[str, ...]]:
    """The preset, and what visitors may choose besides; exits if one is not there."""
    first = os.environ.get("PLAYGROUND_PRESET") or DEFAULT_PRESET
    listed = os.environ.get("PLAYGROUND_MODELS", MORE).split(",")
    more = tuple(name.strip() for name in listed if name.strip())
    _require_models("PLAYGROUND_PRESET", (first,))
    _require_models("PLAYGROUND_MODELS", more)
    return first, more


def _require_models(variable: str, names: tuple[str, ...]) -> None:
    """Exit if one of them is no model, or has no dtype after its @."""
    for preset, wanted in map(split_name, names):
        if fault := fault_of_name(preset):
            sys.exit(f"{variable}: {fault}")
        if wanted not in (*DTYPES, None):
            sys.exit(f"{variable} has {wanted!r}; dtypes are {', '.join(DTYPES)}.")


def _say(line: str) -> None:
    """Print a line; the page stays although its output is not read."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        console.drop_output()


def _leave(code: int) -> NoReturn:
    """Exit without waiting for the engine's thread, which may be busy compiling."""
    with contextlib.suppress(OSError):  # its reader has left
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
