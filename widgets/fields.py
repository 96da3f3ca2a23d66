"""One `Control`, one widget."""

from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as w

from playground.controls import Control, as_typed
from playground.interface.form import choices, lowest


@dataclass(frozen=True)
class Field:
    """A control's widget, and the box in which it stands over its help."""

    control: Control
    widget: Any
    box: w.VBox
    help: w.HTML

    def write(self, value: Any) -> None:
        """Show a setting's value."""
        self.widget.value = as_typed(self.control, value)

    def show(self, visible: bool) -> None:
        self.box.layout.display = None if visible else "none"


def field(control: Control) -> Field:
    """The widget of a control with its label, and its help as visible text."""
    widget = to_widget(control)
    words = help_line(control.help)
    box = w.VBox([widget, words])
    box.add_class("playground-field")
    return Field(control, widget, box, words)


def to_widget(control: Control) -> Any:
    """The widget that shows `control`, at its default.

    Whole numbers are not clipped to their bounds: the settings refuse them in words.
    """
    common: dict[str, Any] = {
        "description": control.label,
        "tooltip": control.help,
        "value": as_typed(control, control.default),
        **wide(),
    }
    typed = common | {"placeholder": control.placeholder}
    match control.kind:
        case "choice":
            return w.Dropdown(options=choices(control), **common)
        case "toggle":
            return w.Checkbox(indent=False, **common)
        case "texts":
            return w.Textarea(rows=2, **typed)
        case "number":
            return w.FloatSlider(
                min=lowest(control),
                max=control.maximum,
                step=control.step,
                readout_format=_digits(control.step),
                continuous_update=False,
                **common,
            )
        case "integer" if not control.optional:
            step = control.step or 1
            return w.IntText(step=step, continuous_update=True, **common)
        case _:
            return w.Text(**typed)


def wide() -> dict[str, Any]:
    """As wide as there is room, with the labels of all one under the other."""
    return {
        "layout": w.Layout(width="auto"),
        "style": {"description_width": "132px"},
    }


def help_line(words: str) -> w.HTML:
    """A line of help under a widget."""
    return w.HTML(f'<p class="playground-help">{escape(words)}</p>')


def _digits(step: float | None) -> str:
    """As many decimals as the step has."""
    return f".{len(f'{step:g}'.partition('.')[2])}f"
