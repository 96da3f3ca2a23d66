"""The left side of the panel: prompt, examples, and every control of a run."""

from collections.abc import Iterable
from functools import partial
from html import escape
from typing import Any

import ipywidgets as w

from playground.controls import BY_NAME, read_value
from playground.interface.form import (
    EXAMPLES,
    MORE,
    MORE_TITLE,
    PENALTIES,
    PENALTIES_TITLE,
    PROMPT_LABEL,
    PROMPT_PLACEHOLDER,
    SAMPLER_KNOBS,
    SHOWN,
    Example,
    length_control,
    sampler_in_words,
    settings_of,
    without_hidden,
)
from playground.interface.model_fit import ModelFit
from playground.samplers import PRESETS
from playground.samplers.choice import chain_of_preset
from playground.settings import GenerationSettings
from widgets.fields import Field, field


class Fields:
    """Fields of which only those show that the chosen sampler reads."""

    def __init__(self, *names: str) -> None:
        controls = {c.name: c for c in SHOWN} | {"max_new_tokens": length_control()}
        self.by_name: dict[str, Field] = {n: field(controls[n]) for n in names}
        chains = (name if "." in name else name.capitalize() for name in PRESETS)
        self.chains = buttons(chains, PRESETS, self._fill_chain)
        self.by_name["sampler"].widget.observe(self._show_acting, "value")
        self._show_acting()

    def boxes(self, *names: str) -> list[w.VBox]:
        return [self.by_name[name].box for name in names]

    @property
    def sampler_boxes(self) -> list[Any]:
        """The sampler, chains that have a name, and the sampler's knobs."""
        return [*self.boxes("sampler"), self.chains, *self.boxes(*SAMPLER_KNOBS)]

    def values(self) -> dict[str, Any]:
        """What stands in each field, as it was typed."""
        return {name: field.widget.value for name, field in self.by_name.items()}

    def write(self, settings: dict[str, Any]) -> None:
        """Show these settings; the others stay. Raises ValueError for what is wrong."""
        if unknown := sorted(set(settings) - set(self.by_name)):
            known = ", ".join(self.by_name)
            raise ValueError(f"There is no control {unknown}; there are {known}.")
        faults = (BY_NAME[name].fault(value) for name, value in settings.items())
        if found := [*filter(None, faults)]:
            raise ValueError("\n".join(found))
        for name, value in settings.items():
            self.by_name[name].write(value)

    def observe(self, act: Any) -> None:
        """Call `act` when a value changes."""
        for each in self.by_name.values():
            each.widget.observe(act, "value")

    def _fill_chain(self, name: str, _button: Any = None) -> None:
        numbers = chain_of_preset(name)
        self.write({n: v for n, v in numbers.items() if n in self.by_name})

    def _show_acting(self, _change: Any = None) -> None:
        sampler = self.by_name["sampler"]
        chosen = sampler.widget.value
        words = escape(sampler_in_words(chosen))
        sampler.help.value = f'<p class="playground-help">{words}</p>'
        for each in self.by_name.values():
            each.show(each.control.acts_on(chosen))
        self.chains.layout.display = None if chosen == "chain" else "none"


class Form(w.VBox):
    """All that the user chooses for a run; `fields` has one for each control."""

    def __init__(self) -> None:
        self.fields = Fields(*(control.name for control in SHOWN))
        self.prompt = w.Textarea(
            description=PROMPT_LABEL,
            placeholder=PROMPT_PLACEHOLDER,
            rows=5,
            layout=w.Layout(width="auto"),
        )
        self.prompt.add_class("playground-prompt")
        self.generate_button = w.Button(
            description="Generate", button_style="primary", icon="play"
        )
        self.stop_button = w.Button(description="Stop", icon="stop", disabled=True)
        self.continue_button = w.Button(description="Continue", disabled=True)
        self._examples: tuple[Example, ...] = EXAMPLES
        labels = (example.label for example in EXAMPLES)
        self.examples = buttons(labels, range(len(EXAMPLES)), self._fill_example)
        boxes = self.fields.boxes
        super().__init__(
            [
                self.prompt,
                self.examples,
                *boxes("chat"),
                *self.fields.sampler_boxes,
                *boxes("max_new_tokens", "seed"),
                w.HBox([self.generate_button, self.stop_button, self.continue_button]),
                w.Accordion(
                    [w.VBox(boxes(*MORE)), w.VBox(boxes(*PENALTIES))],
                    titles=(MORE_TITLE, PENALTIES_TITLE),
                    selected_index=None,
                ),
            ]
        )

    @property
    def settings(self) -> GenerationSettings:
        """What is chosen now. Raises ValueError that lists every fault."""
        return settings_of(without_hidden(self.fields.values()))

    def fit(self, fit: ModelFit) -> None:
        """Examples for a model; one without a chat format takes the prompt as it is."""
        chat = self.fields.by_name["chat"].widget
        chat.disabled = not fit.has_chat_format
        chat.value = chat.value and fit.has_chat_format
        self._examples = fit.examples
        for button, example in zip(self.examples.children, self._examples, strict=True):
            button.description = example.label

    def _fill_example(self, number: int, _button: Any = None) -> None:
        example = self._examples[number]
        chat = self.fields.by_name["chat"].widget
        self.prompt.value = example.prompt
        chat.value = example.chat and not chat.disabled


def read(fields: Fields) -> dict[str, Any]:
    """The fields' values as settings have them. Raises ValueError for a wrong text."""
    return {
        name: read_value(BY_NAME[name], value)
        for name, value in fields.values().items()
    }


def buttons(labels: Iterable[str], values: Iterable[Any], act: Any) -> w.HBox:
    """A row of buttons, each of which calls `act` with its value."""
    made = []
    for label, value in zip(labels, values, strict=True):
        button = w.Button(description=label, layout=w.Layout(width="auto"))
        button.on_click(partial(act, value))
        made.append(button)
    row = w.HBox(made)
    row.add_class("playground-buttons")
    return row
