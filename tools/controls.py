"""docs/controls.md: every control in one page; `python -m tools.controls` prints it."""

from collections.abc import Iterable, Sequence
from typing import Any

from playground.controls import CONTROLS, SAMPLER_LABELS, SAMPLERS, Control
from playground.samplers import PRESETS

_HEAD = """# Controls

Written by `make docs` from `playground.controls`, which the page, the notebook panel,
the command line and every check read. Do not edit it here.

A name is the same everywhere: `GenerationSettings(top_k=40)` in Python, `top_k=40` in a
link, `--top-k 40` on the command line (where stop strings are `--stop`, and a switch is
off unless given). The page and the panel show all but `max_length`, and of the others
only what the chosen sampler reads.
"""

_CHAINS_HEAD = """## Chains with a name

Each is a button beside the sampler `chain`, and `samplers.preset(name)` in Python. What
is not named is off, and the order keras-hub's.
"""


def document() -> str:
    """The page: samplers, controls by their groups, and chains with a name."""
    groups = dict.fromkeys(control.group for control in CONTROLS)
    parts = [_HEAD, _samplers(), *map(_group, groups), _CHAINS_HEAD + "\n" + _chains()]
    return "\n".join(parts)


def _samplers() -> str:
    rows = (
        (
            f"`{name}`",
            *_words(name),
            _names(c.name for c in CONTROLS if _is_own(c, name)),
        )
        for name in SAMPLERS
    )
    columns = ("name", "sampler", "what it does", "reads, besides penalties")
    return "## Samplers\n\n" + _table(columns, rows)


def _words(sampler: str) -> list[str]:
    return SAMPLER_LABELS[sampler].split(": ")


def _is_own(control: Control, sampler: str) -> bool:
    return sampler in control.samplers and control.group != "Penalties"


def _group(group: str) -> str:
    rows = (
        (
            f"`{control.name}`",
            control.label,
            control.help,
            control.expected,
            _value(control.default),
            _readers(control),
        )
        for control in CONTROLS
        if control.group == group
    )
    columns = ("name", "label", "help", "values", "default", "samplers")
    return f"## {group}\n\n" + _table(columns, rows)


def _readers(control: Control) -> str:
    """The samplers that read it; the others, where these are fewer."""
    others = [name for name in SAMPLERS if not control.acts_on(name)]
    if not others:
        return "all"
    if len(others) < len(control.samplers):
        return f"all but {_names(others)}"
    return _names(control.samplers)


def _chains() -> str:
    rows = (
        (name, ", ".join(f"`{n}` {_value(v)}" for n, v in numbers.items()))
        for name, numbers in PRESETS.items()
    )
    return _table(("name", "settings"), rows)


def _value(value: Any) -> str:
    match value:
        case None | ():
            return "none"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["-"] * len(columns), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    """On one line, and as it is: a backslash and a bar mean something in Markdown."""
    return text.replace("\\", "\\\\").replace("|", r"\|")


if __name__ == "__main__":
    print(document(), end="")
