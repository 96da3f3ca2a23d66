"""Builds the page: the parts of the layout, each connected to its handler."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from playground.controls import BY_NAME
from playground.engine import Engine
from playground.interface.form import KNOBS, SHOWN
from playground.models import MistralCausalLM
from playground.web.endpoints import generate_endpoint, question_endpoints
from playground.web.explore import PANELS, Exploration
from playground.web.gate import GuardedBlocks
from playground.web.handlers import Handlers, knobs_for
from playground.web.layout import Parts, draw
from playground.web.limits import ROOM, Limits
from playground.web.offered_models import OfferedModels, StartEngine
from playground.web.theme import read_asset

RUNNING: dict[str, Any] = {
    "preprocess": False,  # the handler checks every value, in our words
    "trigger_mode": "multiple",
    "show_progress": "hidden",
    "api_visibility": "private",
}
ON_TEXT: dict[str, Any] = {
    "trigger_mode": "multiple",  # a new question ends the one before
    "show_progress": "hidden",
    "api_visibility": "private",
    "preprocess": False,
}
WITH_APPEARANCE = (
    "(tab, appearance, ...sent) => [tab, window.playgroundAppearance(), ...sent]"
)
AT_ONCE: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
IN_BROWSER: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
AS_TYPED = AT_ONCE | {"trigger_mode": "always_last", "preprocess": False}
OPENING: dict[str, Any] = AT_ONCE | {"queue": True, "preprocess": False}


def build(
    engine: Engine[MistralCausalLM],
    preset: str,
    *,
    max_new_tokens: int | None = None,
    more: Mapping[str, StartEngine] | None = None,
) -> gr.Blocks:
    """The page over an engine that loads or has loaded `preset`.

    `max_new_tokens` bounds a run on this page; None keeps the control's own bound.
    `more` models may be chosen, each loaded when it first is.
    """
    limit = max_new_tokens or int(BY_NAME["max_new_tokens"].maximum or 0)
    handlers = Handlers(OfferedModels(preset, engine, more), limit)
    demo = GuardedBlocks(title="Mistral Playground", analytics_enabled=False)
    with demo:
        _connect(demo, draw(handlers), handlers, Limits(demo.listeners), engine)
    # Closed: calling the functions directly would pass the lines.
    demo.queue(max_size=ROOM, default_concurrency_limit=None, api_open=False)
    return demo


def _connect(
    demo: GuardedBlocks,
    parts: Parts,
    handlers: Handlers,
    limits: Limits,
    engine: Engine[MistralCausalLM],
) -> None:
    shown = [parts.controls[control.name] for control in SHOWN]
    runs = [parts.output, parts.status, parts.stop, parts.answers]
    fitting = [parts.controls["chat"], *parts.examples]
    progress = [parts.card, parts.status, parts.timer, *fitting]
    asking: dict[str, Any] = {
        "fn": handlers.refresh,
        "inputs": [parts.tab, parts.controls["chat"]],
        "outputs": progress,
        "preprocess": False,
        **AT_ONCE,
    }
    exploration = Exploration(
        handlers.settings_on_page, handlers.open_tabs, limits.viewing
    )
    candidates = parts.tabs.panels["Candidates"]
    for begins, handler, inputs in (
        (parts.start.click, handlers.run, [parts.tab, parts.prompt, *shown]),
        (parts.answers.click, handlers.go_on, [parts.tab, *shown]),
        (parts.answers.submit, handlers.one_token, [parts.tab, parts.prompt, *shown]),
        (candidates.select, handlers.branch, [parts.tab, *shown]),
    ):
        _let_go(begins, parts)
        run = begins(limits.run(handler), inputs, runs, **RUNNING)
        _then_show(run.then, parts, exploration.show, shown)
        # A model that could not be loaded may be there now.
        _follow(run.then(**asking).then, parts, handlers)
    for button in parts.examples:
        _let_go(button.click, parts)
        opened = button.click(handlers.example, [parts.tab, button], runs, **AT_ONCE)
        _then_show(opened.then, parts, exploration.show, shown)
    for another in (parts.tabs.file.upload, parts.answers.select, parts.model.input):
        _let_go(another, parts)
    opens = limits.opening(demo.uploads.read_for(handlers.open_file))
    opened = parts.tabs.file.upload(
        opens, [parts.tab, parts.tabs.file], runs, **OPENING
    )
    _then_show(opened.then, parts, exploration.show, shown)
    turn = parts.answers.select(handlers.turn, parts.tab, runs, **AT_ONCE)
    _then_show(turn.then, parts, exploration.show, shown)
    _connect_tabs(parts, handlers, exploration, limits, shown)
    chat = parts.controls["chat"]
    assert isinstance(chat, gr.Checkbox)
    for changed in (parts.prompt.change, chat.change):
        changed(
            handlers.count,
            [parts.tab, parts.prompt, chat],
            parts.counted,
            js=_settled("count"),
            **AS_TYPED,
        )
    parts.stop.click(handlers.stop, parts.tab, None, **AT_ONCE)
    parts.output.input(handlers.whole, parts.tab, parts.output, **AT_ONCE)
    sampler = parts.controls["sampler"]
    assert isinstance(sampler, gr.Radio)
    knobs = [parts.controls[knob.name] for knob in KNOBS]
    sampler.input(
        knobs_for,
        sampler,
        [sampler, parts.chains, *knobs],
        preprocess=False,
        **AT_ONCE,
    )
    chosen = parts.model.input(
        handlers.choose,
        [parts.tab, parts.model, parts.controls["chat"]],
        [*runs, parts.card, parts.timer, *fitting],
        preprocess=False,
        **AT_ONCE,
    )
    _follow(chosen.then, parts, handlers)
    _then_show(chosen.then, parts, exploration.show, shown)
    _follow(parts.timer.tick(**asking).then, parts, handlers)
    restored = [parts.prompt, parts.model, parts.status, parts.chains, *shown]
    inputs = [parts.tab, parts.tabs.appearance]
    js = read_asset("restore.js")
    opened = demo.load(handlers.restore, inputs, restored, js=js, **AT_ONCE)
    _follow(opened.then(**asking).then, parts, handlers)
    demo.load(None, js=read_asset("keys.js"), api_visibility="private")
    demo.unload(handlers.leave)
    length = handlers.max_new_tokens
    controls = tuple(length if each.name == length.name else each for each in SHOWN)
    generate = generate_endpoint(engine, handlers.settings_of, controls, limits.calls)
    gr.api(generate, api_name="generate")
    for name, endpoint in question_endpoints(
        engine, handlers.settings_of, limits.questions, limits.question_turns
    ).items():
        gr.api(endpoint, api_name=name)


def _connect_tabs(
    parts: Parts,
    handlers: Handlers,
    exploration: Exploration,
    limits: Limits,
    shown: list[Any],
) -> None:
    tabs = parts.tabs
    _then_show(tabs.tabs.select, parts, exploration.open, shown)
    _then_show(parts.output.select, parts, exploration.focus, shown)
    for name, view in tabs.views.items():
        chosen: Any = view.input
        if name == "Heads":
            chosen = _follow(chosen, parts, handlers).then
        _then_show(chosen, parts, exploration.show, shown)
    for place in (tabs.layer, tabs.head):
        _then_show(place.change, parts, exploration.show, shown, settled="place")
    _then_show(parts.score.input, parts, exploration.follow_score, shown)
    tabs.export.select(
        limits.saving(exploration.save),
        [parts.tab, *tabs.choices, *shown],
        tabs.export,
        js=WITH_APPEARANCE,
        **ON_TEXT,
    )
    tabs.export.submit(
        exploration.link,
        [parts.tab, parts.prompt, *shown],
        tabs.export,
        preprocess=False,
        **AT_ONCE,
    )
    tabs.compare.click(
        limits.comparison(exploration.compare),
        [parts.tab, parts.prompt, tabs.compared, *shown],
        [tabs.panels["Compare"], parts.stop],
        **RUNNING,
    )
    tabs.stop_text.change(
        exploration.build_stop,
        [parts.tab, tabs.stop_text],
        tabs.stop_view,
        js=_settled("stop"),
        **AS_TYPED,
    )
    for control in (*KNOBS, BY_NAME["sampler"]):
        knob: Any = parts.controls[control.name]
        _then_show(knob.change, parts, exploration.follow_knobs, shown, settled="knobs")


def _settled(what: str, sent: str = "sent") -> str:
    """JavaScript that sends the values once they stay for a moment (assets/keys.js).

    So pictures follow keys, typing, dragging and what fills a field, and the last of a
    row of changes alone is asked about.
    """
    return f"(...sent) => window.playgroundSettled({json.dumps(what)}, {sent})"


def _follow(event: Any, parts: Parts, handlers: Handlers) -> Any:
    """After `event` what can be chosen is what the model in use has."""
    tabs = parts.tabs
    places = [tabs.layer, tabs.head]
    return event(
        handlers.follow,
        [parts.tab, tabs.views["Heads"], *places, parts.prompt, tabs.stop_text],
        [*places, parts.counted, tabs.stop_view],
        preprocess=False,
        **AT_ONCE,
    )


def _let_go(event: Any, parts: Parts) -> None:
    """At `event` no token is in focus any more: the text that comes has others."""
    event(None, None, parts.tabs.where, js='() => ""', **IN_BROWSER)


def _then_show(
    event: Any,
    parts: Parts,
    handler: Callable[..., Any],
    shown: list[Any],
    settled: str = "",
) -> None:
    """After `event` the open tab shows what `handler` gives.

    With `settled`, the name of what changes, once it stays for a moment.
    """
    event(
        handler,
        [parts.tab, *parts.tabs.choices, *shown],
        [parts.tabs.where, *(parts.tabs.panels[name] for name in PANELS)],
        js=_settled(settled, f"({WITH_APPEARANCE})(...sent)")
        if settled
        else WITH_APPEARANCE,
        **ON_TEXT,
    )
