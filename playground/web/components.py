"""One `Control`, one Gradio component."""

import re
from typing import Any

import gradio as gr
from gradio.components import Component

from playground.controls import (
    ORDER_LABELS,
    SAMPLER_LABELS,
    Control,
    parse_biases,
    parse_ids,
    parse_texts,
    parse_token_ids,
)

_WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,20}\s*")


def to_component(control: Control, **changes: Any) -> Component:
    """The component that shows `control`; `changes` override its arguments.

    Its element id is the control's name.
    """
    common: dict[str, Any] = {
        "label": control.label,
        "info": control.help,
        "value": control.default,
        "elem_id": control.name,
        "interactive": True,
    }
    options = common | changes
    match control.kind:
        case "choice":
            return gr.Radio(choices=list(map(_choice, control.choices)), **options)
        case "toggle":
            return gr.Checkbox(**options)
        case "stop_ids":
            return gr.Textbox(max_lines=1, **options)
        case "token_ids" | "biases":
            return gr.Textbox(max_lines=1, **options | {"value": ""})
        case "texts":
            return gr.Textbox(lines=1, max_lines=4, **options | {"value": ""})
        case "number":
            return gr.Slider(**_bounds(control), buttons=[], **options)
        case "integer" if control.optional:
            # A number field cannot be empty: Gradio would show 0.
            return gr.Textbox(max_lines=1, **options | {"value": ""})
        case "integer":
            return gr.Number(**_bounds(control), **options)


def read_value(control: Control, sent: Any) -> Any:
    """What `control`'s component, or a caller of the API, sent.

    Reads what was typed as text and leaves the rest as it is, also where it is wrong:
    the settings say so. Raises ValueError for token ids that cannot be read.
    """
    match control.kind:
        case "stop_ids" if isinstance(sent, str):
            return parse_token_ids(sent)
        case "token_ids" if isinstance(sent, str):
            return parse_ids(sent)
        case "biases" if isinstance(sent, str):
            return parse_biases(sent)
        case "texts" if isinstance(sent, str):
            return parse_texts(sent)
        case "integer" if isinstance(sent, str) and not sent.strip():
            return None
        case "integer" if isinstance(sent, str) and _WHOLE_NUMBER.fullmatch(sent):
            return int(sent)
        case _:
            return sent


def sampler_in_words(sampler: str) -> str:
    """What `sampler` does, for the line under its name."""
    return _sentence(SAMPLER_LABELS[sampler])


def _choice(name: str) -> tuple[str, str]:
    """What is shown and what is sent."""
    labels = SAMPLER_LABELS | ORDER_LABELS
    return labels.get(name, name).split(":")[0], name


def _sentence(label: str) -> str:
    words = label.split(": ")[-1]
    return f"{words[0].upper()}{words[1:]}."


def _bounds(control: Control) -> dict[str, Any]:
    # The browser marks a value outside of these; the settings refuse it in words.
    lowest = control.minimum
    if control.above_minimum and lowest is not None:
        lowest += control.step or 0
    bounds = {"minimum": lowest, "maximum": control.maximum, "step": control.step}
    return {name: bound for name, bound in bounds.items() if bound is not None}
