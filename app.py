"""Opens the page: `python app.py`, on this machine or as a Hugging Face Space.

PLAYGROUND_PRESET           the model
PLAYGROUND_MODELS           others that visitors may choose, with commas between them;
                            name@int8 is one in that dtype
PLAYGROUND_DTYPE            float32, bfloat16 or int8; else the fastest on this device
PLAYGROUND_MAX_NEW_TOKENS   the most for one run
PLAYGROUND_MAX_SECONDS      the longest a run may take
PLAYGROUND_PEOPLE           how many texts are written at once, at most 8
PLAYGROUND_MCP              1: the endpoints are MCP tools too; needs the package mcp
GRADIO_SERVER_NAME, GRADIO_SERVER_PORT   where the page listens
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from typing import NoReturn

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from playground.controls import BY_NAME, DTYPES
from playground.engine import MAX_ACTIVE, Engine
from playground.hosts.warm_up import warm_up_views
from playground.models import MistralCausalLM
from playground.presets import DEFAULT_PRESET
from playground.session import start_engine
from playground.web import LAUNCH, build
from playground.web.offer import split_name

MORE = f"shakespeare_mistral, {DEFAULT_PRESET}@int8"
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


def more_models() -> dict[str, Callable[[], Engine[MistralCausalLM]]]:
    """What visitors may choose besides the preset; each is loaded when one does."""
    names = os.environ.get("PLAYGROUND_MODELS", MORE).split(",")
    wanted = [name.strip() for name in names if name.strip()]
    for name in wanted:
        if split_name(name)[1] not in (*DTYPES, None):
            sys.exit(f"PLAYGROUND_MODELS has {name!r}; dtypes are {', '.join(DTYPES)}.")
    return {name: partial(start, name) for name in wanted}


def start(name: str) -> Engine[MistralCausalLM]:
    """An engine for this page that loads a model."""
    preset, wanted = split_name(name)
    engine = start_engine(
        preset,
        warm_rows=whole_number("PLAYGROUND_PEOPLE", MAX_ACTIVE, maximum=MAX_ACTIVE),
        max_seconds=whole_number("PLAYGROUND_MAX_SECONDS", 600, maximum=86_400),
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
        line = "Ready" if status.phase == "ready" else line
        if line != printed:
            print(line, flush=True)
        if status.phase in ("ready", "failed"):
            return
        printed = line
        time.sleep(0.5)


def main() -> None:
    """Serve the page until interrupted."""
    address = "0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1"
    address = os.environ.get("GRADIO_SERVER_NAME") or address
    port = whole_number("GRADIO_SERVER_PORT", 7860, maximum=65535)
    try:
        _, url, _ = demo.launch(
            server_name=address,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            mcp_server=tools,
            **LAUNCH,
        )
    except OSError:
        print(
            f"Port {port} of {address} is in use or not allowed. End the program that "
            f"uses it, or choose another: make run PORT={port + 1}, or "
            f"GRADIO_SERVER_PORT={port + 1} python app.py",
            file=sys.stderr,
        )
        leave(1)
    print(f"Mistral Playground: {url}", flush=True)
    threading.Thread(target=print_progress, args=(engine,), daemon=True).start()
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)
    leave(0)


def leave(code: int) -> NoReturn:
    """Exit without waiting for the engine's thread, which may be busy compiling."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


limit = int(BY_NAME["max_new_tokens"].maximum or 0)
limit = whole_number("PLAYGROUND_MAX_NEW_TOKENS", limit, maximum=limit)
tools = mcp_server()
preset = os.environ.get("PLAYGROUND_PRESET") or DEFAULT_PRESET
if gr.NO_RELOAD:  # the model survives the hot reload of `gradio app.py`
    engine = start(preset)
demo = build(engine, preset, max_new_tokens=limit, more=more_models())

if __name__ == "__main__":
    main()
