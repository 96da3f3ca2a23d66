"""Builds the page: the parts of the layout, each connected to its handler."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from playground.controls import BY_NAME
from playground.engine import MAX_ACTIVE, MAX_WAITING, Engine
from playground.models import MistralCausalLM
from playground.session import Session
from playground.web.endpoints import generate_endpoint
from playground.web.handlers import CONTROLS_ON_PAGE, KNOBS, Handlers, knobs_for
from playground.web.layout import Parts, draw
from playground.web.theme import read_asset

RUNS_AT_ONCE = MAX_ACTIVE + MAX_WAITING
"""All that the engine takes: its line tells people their place, Gradio's does not."""

ON_MODEL: dict[str, Any] = {
    "concurrency_id": "model",
    "concurrency_limit": RUNS_AT_ONCE,
}
AT_ONCE: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}


def build(
    engine: Engine[MistralCausalLM],
    preset: str,
    *,
    max_new_tokens: int | None = None,
    new_session: Callable[[], Session] | None = None,
) -> gr.Blocks:
    """The page over an engine that loads or has loaded `preset`.

    `max_new_tokens` bounds a run on this page; None keeps the control's own bound.
    `new_session` makes the session of a tab; None makes a `Session(engine)`.
    """
    limit = max_new_tokens or int(BY_NAME["max_new_tokens"].maximum or 0)
    handlers = Handlers(engine, preset, limit, new_session or (lambda: Session(engine)))
    demo = gr.Blocks(title="Mistral Playground", analytics_enabled=False)
    with demo:
        _connect(demo, draw(handlers), handlers)
    demo.queue(max_size=2 * RUNS_AT_ONCE)
    return demo


def _connect(demo: gr.Blocks, parts: Parts, handlers: Handlers) -> None:
    parts.start.click(
        handlers.run,
        [parts.tab, parts.prompt, *(parts.controls[c.name] for c in CONTROLS_ON_PAGE)],
        [parts.output, parts.status, parts.stop],
        preprocess=False,  # the handler checks every value, in our words
        trigger_mode="multiple",
        show_progress="hidden",
        api_visibility="private",
        **ON_MODEL,
    )
    parts.stop.click(handlers.stop, parts.tab, None, **AT_ONCE)
    sampler = parts.controls["sampler"]
    assert isinstance(sampler, gr.Radio)
    knobs = [parts.controls[knob.name] for knob in KNOBS]
    sampler.input(knobs_for, sampler, [sampler, parts.chains, *knobs], **AT_ONCE)
    progress = [parts.card, parts.status, parts.timer]
    parts.timer.tick(handlers.refresh, parts.tab, progress, **AT_ONCE)
    demo.load(handlers.refresh, parts.tab, progress, **AT_ONCE)
    demo.load(None, js=read_asset("keys.js"), api_visibility="private")
    demo.unload(handlers.leave)
    gr.api(
        generate_endpoint(handlers.new_session, handlers.settings_of, CONTROLS_ON_PAGE),
        api_name="generate",
        **ON_MODEL,
    )
