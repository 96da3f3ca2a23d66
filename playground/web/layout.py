"""The page: what stands where.

header: title, model card
form: prompt, examples, sampler and its knobs, length, seed, Generate, Stop
result: status, output, view        (on a phone it follows the form)
more: stop tokens, sliding window
"""

import json
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from playground.controls import BY_NAME
from playground.sampler_choice import chain_of_preset
from playground.samplers import PRESETS
from playground.web.components import sampler_in_words, to_component
from playground.web.handlers import CONTROLS_ON_PAGE, KNOBS, Handlers, Tab
from playground.web.status import engine_status
from playground.web.theme import read_asset

EXAMPLES = (
    ("Explain gravity", "Explain gravity in two sentences.", True),
    ("Write a poem", "Write a short poem about the sea.", True),
    ("Continue a story", "Once upon a time, in a village by the sea,", False),
)
"""Label, prompt, whether in chat format."""

MORE: dict[str, dict[str, str]] = {
    "stop_token_ids": {"placeholder": "auto"},
    "stop_strings": {"placeholder": r"\n\n"},
    "keep_stop_string": {},
    "sliding_window": {"placeholder": "as trained"},
    "shorten_prompt": {},
}
"""Controls that few need, and what stands in their empty fields."""

PLACEHOLDERS: dict[str, dict[str, Any]] = {
    "token_ids": {"placeholder": "2, 198"},
    "biases": {"placeholder": "13: -2.5, 198: 1"},
}

SECONDS_BETWEEN_REFRESHES = 0.5
"""How often the page asks how far the model is, until it is ready."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the page's handlers read from and write to."""

    tab: gr.State
    timer: gr.Timer
    card: gr.HTML
    prompt: Component
    controls: dict[str, Component]
    chains: gr.Row
    start: gr.Button
    stop: gr.Button
    status: gr.HTML
    output: gr.HTML


def draw(handlers: Handlers) -> Parts:
    """Lay the page out in the Blocks that are open, nothing connected yet."""
    tab = gr.State(Tab(handlers.new_session))
    timer = gr.Timer(SECONDS_BETWEEN_REFRESHES)
    card = _header(handlers)
    with gr.Column(elem_id="main"):
        with gr.Column(elem_id="form"):
            prompt, controls, chains = _form(handlers)
            start, stop = _actions()
        with gr.Column(elem_id="result"):
            status, output = _status(handlers), _output()
            controls["strip_prompt"] = _control("strip_prompt", info=None)
        with gr.Column(elem_id="more"):
            with gr.Accordion("Stops, window, long prompts", open=False):
                for name, look in MORE.items():
                    controls[name] = _control(name, **look)
            with gr.Accordion("Penalties and bans", open=False):
                controls |= _penalties()
    _connect_chains(chains, controls)
    return Parts(
        tab=tab,
        timer=timer,
        card=card,
        prompt=prompt,
        controls=controls,
        chains=chains,
        start=start,
        stop=stop,
        status=status,
        output=output,
    )


def _header(handlers: Handlers) -> gr.HTML:
    with gr.Row(elem_id="header"):
        gr.HTML(
            read_asset("title.html").replace("@logo", read_asset("logo.svg")),
            elem_id="title",
            apply_default_css=False,
        )
        return gr.HTML(handlers.card(), elem_id="card", apply_default_css=False)


def _form(handlers: Handlers) -> tuple[Component, dict[str, Component], gr.Row]:
    prompt = gr.Textbox(
        label="Prompt",
        placeholder="Write something for the model to answer or to continue.",
        lines=6,
        max_lines=12,
        elem_id="prompt",
    )
    controls: dict[str, Component] = {}
    with gr.Row(elem_id="examples"):
        examples = [gr.Button(label, size="sm") for label, _, _ in EXAMPLES]
    controls["chat"] = _control("chat")
    sampler = BY_NAME["sampler"]
    controls["sampler"] = _control("sampler", info=sampler_in_words(sampler.default))
    with gr.Row(elem_id="chains", visible=False) as chains:
        for name in PRESETS:
            gr.Button(name if "." in name else name.capitalize(), size="sm")
    with gr.Column(elem_classes="knobs"):
        for control in KNOBS:
            if control.group == "Sampler":
                visible = control.acts_on(sampler.default)
                controls[control.name] = to_component(control, visible=visible)
        controls["max_new_tokens"] = to_component(handlers.max_new_tokens)
        controls["seed"] = _control("seed", placeholder="random")
    for button, (_, text, chat) in zip(examples, EXAMPLES, strict=True):
        fill = f"() => {json.dumps([text, chat])}"
        button.click(
            None, None, [prompt, controls["chat"]], js=fill, api_visibility="private"
        )
    return prompt, controls, chains


def _penalties() -> dict[str, Component]:
    with gr.Column(elem_classes="knobs"):
        return {
            control.name: to_component(control, **PLACEHOLDERS.get(control.kind, {}))
            for control in CONTROLS_ON_PAGE
            if control.group == "Penalties"
        }


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


def _status(handlers: Handlers) -> gr.HTML:
    return gr.HTML(
        engine_status(handlers.engine).value(),
        html_template=read_asset("status.html"),
        js_on_load=read_asset("status.js"),
        apply_default_css=False,
        elem_id="status",
    )


def _output() -> gr.HTML:
    return gr.HTML(
        {"prompt": "", "text": "", "live": False},
        html_template=read_asset("output.html"),
        js_on_load=read_asset("output.js"),
        apply_default_css=False,
        elem_id="output",
    )
