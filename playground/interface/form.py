"""The form of a run: which controls a host shows, in which order, under which words."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playground.controls import (
    BY_NAME,
    CONTROLS,
    ORDER_LABELS,
    SAMPLER_LABELS,
    Control,
    read_value,
)
from playground.settings import GenerationSettings

SHOWN = tuple(c for c in CONTROLS if c.name != "max_length")
"""The controls that a host shows; a total length is for programs."""

KNOBS = tuple(c for c in SHOWN if c.samplers)
"""Those that only some samplers read."""


def length_control(most: int | None = None) -> Control:
    """The one for new tokens: a host bounds them, so that none is not a choice."""
    control = BY_NAME["max_new_tokens"]
    maximum = most or control.maximum
    default = min(control.default, maximum or control.default)
    return replace(control, maximum=maximum, default=default, optional=False)


@dataclass(frozen=True)
class Example:
    """A prompt to begin with, and whether it is in chat format."""

    label: str
    prompt: str
    chat: bool


_STORY = Example(
    "Continue a story", "Once upon a time, in a village by the sea,", False
)
EXAMPLES = (
    Example("Explain gravity", "Explain gravity in two sentences.", True),
    Example("Write a poem", "Write a short poem about the sea.", True),
    _STORY,
)
"""For models with a chat format."""

COMPLETIONS = (
    Example("End a sentence", "Gravity is the force that", False),
    Example("Go on with a list", "Five things to see by the sea:\n\n1.", False),
    _STORY,
)
"""For models that only continue a text."""

_OF_PRESETS = {
    "shakespeare_mistral": (
        Example("Let Romeo speak", "ROMEO.\n", False),
        Example("End Hamlet's line", "HAMLET.\nTo be, or not to be,", False),
        Example("Begin a scene", "ACT I\n\nSCENE I.", False),
    )
}
ALL_EXAMPLES = {
    each.label: each
    for each in (*EXAMPLES, *COMPLETIONS, *sum(_OF_PRESETS.values(), ()))
}
"""By their labels: those of two models have the same prompt if they have one label."""


def examples_for(name: str, has_chat_format: bool = True) -> tuple[Example, ...]:
    """Three for the model of this name, which may not be loaded yet."""
    if own := _OF_PRESETS.get(Path(name).name):
        return own
    return EXAMPLES if has_chat_format else COMPLETIONS


PROMPT_LABEL = "Prompt"
PROMPT_PLACEHOLDER = "Write something for the model to answer or to continue."

SAMPLER_KNOBS = tuple(c.name for c in KNOBS if c.group == "Sampler")
MORE = tuple(
    c.name
    for c in SHOWN
    if c.group in ("Stops", "Window", "Prompt")
    and c.name not in ("chat", "strip_prompt")  # these stand elsewhere
)
PENALTIES = tuple(c.name for c in SHOWN if c.group == "Penalties")
MORE_TITLE, PENALTIES_TITLE = "Stops, window, long prompts", "Penalties and bans"


def settings_of(
    values: Mapping[str, Any], length: Control | None = None
) -> GenerationSettings:
    """What a form, or a caller of the API, sent as settings.

    `length` is the host's own control for new tokens. ValueError has the faults.
    """
    read = {name: read_value(BY_NAME[name], sent) for name, sent in values.items()}
    if fault := (length or length_control()).fault(read["max_new_tokens"]):
        raise ValueError(fault)
    return GenerationSettings(**read)


def without_hidden(values: Mapping[str, Any]) -> dict[str, Any]:
    """The form's values; a knob that is not shown has its default.

    A ticked chat format is used where the model has one: which is not known
    before it is loaded. Only a program can ask for one that is not there.
    """
    shown = dict(values)
    if shown["chat"] is True:
        shown["chat"] = BY_NAME["chat"].default
    for control in SHOWN:
        if not control.acts_on(shown["sampler"]):
            shown[control.name] = control.default
    return shown


def choices(control: Control) -> list[tuple[str, str]]:
    """What is shown and what is sent, for each of its choices."""
    return [(short_name(name), name) for name in control.choices]


def short_name(choice: str) -> str:
    """A sampler or an order in few words: "Top-p"."""
    return (SAMPLER_LABELS | ORDER_LABELS).get(choice, choice).split(":")[0]


def sampler_in_words(sampler: str) -> str:
    """What `sampler` does, for the line under its name."""
    words = SAMPLER_LABELS[sampler].split(": ")[-1]
    return f"{words[0].upper()}{words[1:]}."


def lowest(control: Control) -> float | None:
    """The lowest value that a field lets one choose."""
    if control.above_minimum and control.minimum is not None:
        return control.minimum + (control.step or 0)
    return control.minimum
