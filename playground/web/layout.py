"""The page: what stands where.

header: title, model card
form: prompt, examples, sampler and its knobs, length, seed, Generate, Stop
result: status, output, view        (on a phone it follows the form)
more: stop tokens, sliding window
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from playground.controls import BY_NAME
from playground.interface.form import (
    ALL_EXAMPLES,
    MORE,
    MORE_TITLE,
    PENALTIES,
    PENALTIES_TITLE,
    PROMPT_LABEL,
    PROMPT_PLACEHOLDER,
    SAMPLER_KNOBS,
    examples_for,
    sampler_in_words,
)
from playground.interface.model_card import model_card
from playground.interface.status import engine_status
from playground.samplers import PRESETS
from playground.samplers.choice import chain_of_preset
from playground.views.token_spans import SCORES
from playground.web.components import drawn_by_assets, to_component
from playground.web.handlers import Handlers
from playground.web.tab import Tab
from playground.web.tabs_layout import TabsParts, draw_tabs
from playground.web.theme import read_asset

SECONDS_BETWEEN_REFRESHES = 0.5
"""How often the page asks how far the model is, until it is ready."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the page's handlers read from and write to."""

    tab: gr.State
    timer: gr.Timer
    card: gr.HTML
    model: gr.Dropdown
    examples: list[gr.Button]
    prompt: gr.Textbox
    counted: gr.HTML
    controls: dict[str, Component]
    chains: gr.Row
    start: gr.Button
    stop: gr.Button
    status: gr.HTML
    output: gr.HTML
    answers: gr.HTML
    score: gr.Radio
    tabs: TabsParts


def draw(handlers: Handlers) -> Parts:
    """Lay the page out in the Blocks that are open, nothing connected yet."""
    tab = gr.State(Tab(handlers.offered))
    timer = gr.Timer(SECONDS_BETWEEN_REFRESHES)
    card = _header(handlers)
    with gr.Column(elem_id="main"):
        with gr.Column(elem_id="form"):
            model = _model(handlers)
            prompt, counted, examples = _prompt(handlers)
            controls, chains = _controls(handlers)
            start, stop = _actions()
        with gr.Column(elem_id="result"):
            first = handlers.offered.engine(handlers.offered.first)
            status = drawn_by_assets("status", engine_status(first).value())
            nothing = {"id": 0, "on": 0, "base": 0, "prompt": "", "answer": ""}
            output = drawn_by_assets("output", {**nothing, "live": False})
            with gr.Row(elem_id="below"):
                none = {"number": 0, "count": 0, "live": False, "parent": 0}
                answers = drawn_by_assets("answers", none)
                controls["strip_prompt"] = _control("strip_prompt", info=None)
                _special()
                score = _score()
            tabs = draw_tabs()
        with gr.Column(elem_id="more"):
            with gr.Accordion(MORE_TITLE, open=False):
                for name in MORE:
                    controls[name] = _control(name)
            with gr.Accordion(PENALTIES_TITLE, open=False):
                controls |= _penalties()
    _connect_chains(chains, controls)
    _connect_examples(examples, prompt, controls["chat"])
    return Parts(
        tab=tab,
        timer=timer,
        card=card,
        model=model,
        examples=examples,
        prompt=prompt,
        counted=counted,
        controls=controls,
        chains=chains,
        start=start,
        stop=stop,
        status=status,
        output=output,
        answers=answers,
        score=score,
        tabs=tabs,
    )


def _header(handlers: Handlers) -> gr.HTML:
    with gr.Row(elem_id="header"):
        gr.HTML(
            read_asset("title.html").replace("@logo", read_asset("logo.svg")),
            elem_id="title",
            apply_default_css=False,
        )
        card = model_card(Path(handlers.offered.first).name, None)
        return gr.HTML(card, elem_id="card", apply_default_css=False)


def _model(handlers: Handlers) -> gr.Dropdown:
    names = handlers.offered.names
    return gr.Dropdown(
        [(handlers.offered.label(name), name) for name in names],
        value=names[0],
        label="Model",
        filterable=False,
        visible=len(names) > 1,
        elem_id="model",
    )


def _prompt(handlers: Handlers) -> tuple[gr.Textbox, gr.HTML, list[gr.Button]]:
    prompt = gr.Textbox(
        label=PROMPT_LABEL,
        placeholder=PROMPT_PLACEHOLDER,
        lines=6,
        max_lines=12,
        elem_id="prompt",
    )
    counted = gr.HTML("", elem_id="counted", apply_default_css=False)
    with gr.Row(elem_id="examples"):
        first = examples_for(Path(handlers.offered.first).name)
        examples = [gr.Button(example.label, size="sm") for example in first]
    return prompt, counted, examples


def _controls(handlers: Handlers) -> tuple[dict[str, Component], gr.Row]:
    controls: dict[str, Component] = {"chat": _control("chat")}
    sampler = BY_NAME["sampler"]
    controls["sampler"] = _control("sampler", info=sampler_in_words(sampler.default))
    with gr.Row(elem_id="chains", visible=False) as chains:
        for name in PRESETS:
            gr.Button(name if "." in name else name.capitalize(), size="sm")
    with gr.Column(elem_classes="knobs"):
        for name in SAMPLER_KNOBS:
            visible = BY_NAME[name].acts_on(sampler.default)
            controls[name] = _control(name, visible=visible)
        controls["max_new_tokens"] = to_component(handlers.max_new_tokens)
        controls["seed"] = _control("seed")
    return controls, chains


def _connect_examples(
    examples: list[gr.Button], prompt: gr.Textbox, chat: Component
) -> None:
    """Each button fills the prompt; nothing has to ask the server.

    What it is called now says which example it is: another model has others.
    """
    fields = {label: [each.prompt, each.chat] for label, each in ALL_EXAMPLES.items()}
    fill = f"(label) => ({json.dumps(fields)})[label]"
    for button in examples:
        button.click(None, button, [prompt, chat], js=fill, api_visibility="private")


def _penalties() -> dict[str, Component]:
    with gr.Column(elem_classes="knobs"):
        return {name: _control(name) for name in PENALTIES}


def _connect_chains(chains: gr.Row, controls: dict[str, Component]) -> None:
    """Each button sets all numbers of the chain; nothing has to ask the server."""
    for button, name in zip(chains.children, PRESETS, strict=True):
        assert isinstance(button, gr.Button)
        numbers = {n: v for n, v in chain_of_preset(name).items() if n in controls}
        del numbers["sampler"]
        fill = f"() => {json.dumps(list(numbers.values()))}"
        filled = [controls[n] for n in numbers]
        button.click(None, None, filled, js=fill, api_visibility="private")


def _actions() -> tuple[gr.Button, gr.Button]:
    with gr.Row(elem_id="actions"):
        start = gr.Button("Generate", variant="primary", elem_id="generate")
        stop = gr.Button("Stop", interactive=False, elem_id="stop")
    gr.HTML(read_asset("hint.html"), elem_id="hint", apply_default_css=False)
    return start, stop


def _control(name: str, **changes: Any) -> Component:
    return to_component(BY_NAME[name], **changes)


def _score() -> gr.Radio:
    """By what the text is coloured: the style sheet reads it, not the server."""
    names = ["none", *SCORES]
    return gr.Radio(
        [(name.capitalize(), name) for name in names],
        value="none",
        label="Colour by",
        elem_id="score",
        elem_classes="segments",
        interactive=True,
    )


def _special() -> gr.Checkbox:
    """Whether special tokens of the answer are shown; the style sheet reads it."""
    return gr.Checkbox(
        False, label="Special tokens", elem_id="special", interactive=True
    )
