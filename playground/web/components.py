"""One `Control`, one Gradio component; and those that scripts of the page draw."""

from typing import Any

import gradio as gr
from gradio.components import Component

from playground.controls import Control, as_typed
from playground.interface.form import choices, lowest
from playground.web.theme import read_asset


def to_component(control: Control, **changes: Any) -> Component:
    """The component that shows `control`; `changes` override its arguments.

    Its element id is the control's name.
    """
    common: dict[str, Any] = {
        "label": control.label,
        "info": control.help,
        "value": as_typed(control, control.default),
        "elem_id": control.name,
        "interactive": True,
    }
    options = common | changes
    typed = {"placeholder": control.placeholder or None, **options}
    match control.kind:
        case "choice":
            return gr.Radio(choices=choices(control), **options)
        case "toggle":
            return gr.Checkbox(**options)
        case "stop_ids":
            return gr.Textbox(max_lines=1, **typed)
        case "token_ids" | "biases":
            return gr.Textbox(max_lines=1, **typed)
        case "texts":
            return gr.Textbox(lines=1, max_lines=4, **typed)
        case "number":
            return gr.Slider(**_bounds(control), buttons=[], **options)
        case "integer" if control.optional:
            # A number field cannot be empty: Gradio would show 0.
            return gr.Textbox(max_lines=1, **typed)
        case "integer":
            return gr.Number(**_bounds(control), **options)


def drawn_by_assets(name: str, value: Any, template: str | None = None) -> gr.HTML:
    """What NAME.html, or a `template`, and NAME.js in assets/ make of a value."""
    return gr.HTML(
        value,
        html_template=template or read_asset(f"{name}.html"),
        js_on_load=read_asset(f"{name}.js"),
        apply_default_css=False,
        elem_id=name,
    )


def _bounds(control: Control) -> dict[str, Any]:
    # The browser marks a value outside of these; the settings refuse it in words.
    bounds = {
        "minimum": lowest(control),
        "maximum": control.maximum,
        "step": control.step,
    }
    return {name: bound for name, bound in bounds.items() if bound is not None}
