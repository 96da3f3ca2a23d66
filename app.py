"""Opens the page: `python app.py`, on this machine or as a Hugging Face Space.

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
# What may be missing is imported after the checks that say so:
# ruff: noqa: E402

import os
import signal
import sys
import threading
import time
from functools import partial
from importlib.util import find_spec
from typing import NoReturn

from playground.hosts import self_check

ADDRESS = os.environ.get("GRADIO_SERVER_NAME") or (
    "0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1"
)
if __name__ == "__main__":  # before what may be missing is imported
    if faults := self_check.faults(ADDRESS):
        sys.exit("\n".join(faults))
    for warning in self_check.warnings():
        print(warning, file=sys.stderr)

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from playground.cache_folder import cache_folder
from playground.controls import BY_NAME, DTYPES
from playground.engine import MAX_ACTIVE, Engine
from playground.hosts.model_card import facts_of
from playground.hosts.warm_up import warm_up_views
from playground.models import MistralCausalLM
from playground.presets import DEFAULT_PRESET
from playground.presets.source import fault_of_name
from playground.session import start_engine
from playground.web import LAUNCH, build
from playground.web.offer import split_name

MORE = f"shakespeare_mistral, {DEFAULT_PRESET}@float32"
"""The first comes along and is ready in seconds, while a larger one still loads."""


def whole_number(variable: str, default: int, maximum: int) -> int:
    """An environment variable as a number from 1 to `maximum`; exits if it is not."""
    text = os.environ.get(variable) or str(default)
    if text.isdecimal() and 1 <= int(text) <= maximum:
        return int(text)
    sys.exit(f"{variable} must be a whole number from 1 to {maximum}, got {text!r}.")


def dtype() -> str | None:
    """PLAYGROUND_DTYPE, None if it is not set; exits if it is no dtype."""
    text = os.environ.get("PLAYGROUND_DTYPE") or None
    if text in (*DTYPES, None):
        return text
    sys.exit(f"PLAYGROUND_DTYPE must be one of {', '.join(DTYPES)}, got {text!r}.")


def mcp_server() -> bool:
    """Whether PLAYGROUND_MCP is on; exits if it cannot be."""
    text = os.environ.get("PLAYGROUND_MCP") or "0"
    if text not in ("0", "1"):
        sys.exit(f"PLAYGROUND_MCP must be 0 or 1, got {text!r}.")
    if text == "1" and find_spec("mcp") is None:
        wanted = f"gradio[mcp]=={gr.__version__}"
        sys.exit(f"PLAYGROUND_MCP=1 needs one more package: pip install '{wanted}'")
    return text == "1"


def names_of_models() -> tuple[str, list[str]]:
    """The preset, and what visitors may choose besides; exits if one is not there."""
    first = os.environ.get("PLAYGROUND_PRESET") or DEFAULT_PRESET
    listed = os.environ.get("PLAYGROUND_MODELS", MORE).split(",")
    more = [name.strip() for name in listed if name.strip()]
    require_models("PLAYGROUND_PRESET", [first])
    require_models("PLAYGROUND_MODELS", more)
    return first, more


def require_models(variable: str, names: list[str]) -> None:
    """Exit if one of them is no model, or has no dtype behind its @."""
    for preset, wanted in map(split_name, names):
        if fault := fault_of_name(preset):
            sys.exit(f"{variable}: {fault}")
        if wanted not in (*DTYPES, None):
            sys.exit(f"{variable} has {wanted!r}; dtypes are {', '.join(DTYPES)}.")


def start(name: str) -> Engine[MistralCausalLM]:
    """An engine for this page that loads a model."""
    model, wanted = split_name(name)
    engine = start_engine(
        model,
        warm_rows=people,
        max_seconds=seconds,
        dtype=wanted or dtype(),
    )
    threading.Thread(target=warm_up_views, args=(engine,), daemon=True).start()
    return engine


def print_progress(engine: Engine[MistralCausalLM]) -> None:
    """Print how loading goes, a line for each change, until it is over."""
    printed = ""
    while True:
        status = engine.status
        percent = "" if status.fraction is None else f" {status.fraction:.0%}"
        line = f"{status.message or status.phase}{percent}"
        line = ready_line(engine) if status.phase == "ready" else line
        if line != printed:
            print(line, flush=True)
        if status.phase in ("ready", "failed"):
            return
        printed = line
        time.sleep(0.5)


def ready_line(engine: Engine[MistralCausalLM]) -> str:
    """What runs here, where, and within which limits."""
    assert engine.model is not None
    limits = f"{new_tokens:,} new tokens and {seconds:,} s a run, {people} at once"
    parts = [preset, *facts_of(engine.model), limits, f"kept in {cache_folder()}"]
    return f"Ready: {' · '.join(parts)}"


def main() -> None:
    """Serve the page until interrupted, or told to end, as a Space before it sleeps."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _, url, _ = demo.launch(
            server_name=ADDRESS,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            mcp_server=tools,
            **LAUNCH,
        )
        print(f"Mistral Playground: {url}", flush=True)
        threading.Thread(target=print_progress, args=(engine,), daemon=True).start()
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        leave(0)
    except OSError as error:  # the port was taken since it was tried
        print(self_check.port_fault(ADDRESS, os.environ) or error, file=sys.stderr)
        leave(1)


def leave(code: int) -> NoReturn:
    """Exit without waiting for the engine's thread, which may be busy compiling."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


most = int(BY_NAME["max_new_tokens"].maximum or 0)
new_tokens = whole_number("PLAYGROUND_MAX_NEW_TOKENS", most, maximum=most)
seconds = whole_number("PLAYGROUND_MAX_SECONDS", 600, maximum=86_400)
people = whole_number("PLAYGROUND_PEOPLE", MAX_ACTIVE, maximum=MAX_ACTIVE)
port = whole_number("GRADIO_SERVER_PORT", self_check.DEFAULT_PORT, maximum=65_535)
tools = mcp_server()
preset, more = names_of_models()
if gr.NO_RELOAD:  # the model survives the hot reload of `gradio app.py`
    engine = start(preset)
starts = {name: partial(start, name) for name in more}
demo = build(engine, preset, max_new_tokens=new_tokens, more=starts)

if __name__ == "__main__":
    main()
