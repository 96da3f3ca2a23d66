"""What a user types into a field, as the value that it stands for, and back."""

import re
from collections.abc import Iterable
from typing import Any

from playground.controls.bounds import clipped
from playground.controls.control import Control

_WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,20}\s*")


def read_value(control: Control, sent: Any) -> Any:
    """What `control`'s field, or a caller of the API, sent.

    Reads what was typed as text and leaves the rest as it is, also where it is wrong:
    the settings say so. Raises ValueError for token ids that cannot be read.
    """
    if not isinstance(sent, str):
        return sent
    match control.kind:
        case "stop_ids":
            return parse_token_ids(sent)
        case "token_ids":
            return parse_ids(sent, control.label)
        case "biases":
            return parse_biases(sent)
        case "texts":
            return parse_texts(sent)
        case "integer" if not sent.strip():
            return None
        case "integer" if _WHOLE_NUMBER.fullmatch(sent):
            return int(sent)
        case _:
            return sent


def as_typed(control: Control, value: Any) -> Any:
    """What stands in `control`'s field for a setting; `read_value` reads it back."""
    match control.kind:
        case "stop_ids" if value is None:
            return "none"
        case "token_ids" | "stop_ids" if isinstance(value, tuple):
            return _listed(value)
        case "biases":
            return _listed(f"{token}: {_short(bias)}" for token, bias in value)
        case "texts":
            return "\n".join(map(escaped, value))
        case "integer" if control.optional:
            return "" if value is None else str(value)
        case "toggle" if control.optional:
            return value is not False  # ticked: yes, or where it fits
        case _:
            return value


def _listed(each: Iterable[Any]) -> str:
    return ", ".join(map(str, each))


def _short(number: float) -> str:
    """Every digit that it has, but no ".0"."""
    return repr(float(number)).removesuffix(".0")


def parse_token_ids(text: str) -> str | tuple[int, ...] | None:
    """Read what was typed for `stop_token_ids`.

    "auto" (or nothing) -> "auto"; "none" -> None; "2, 198" -> (2, 198). Raises
    ValueError for anything else.
    """
    words = text.strip().lower()
    if words in ("", "auto"):
        return "auto"
    if words == "none":
        return None
    ids = _whole_numbers(words)
    if not ids:
        raise ValueError(
            "Stop tokens must be auto, none, or ids such as 2, 198; got "
            f"{clipped(text)}."
        )
    return ids


def parse_ids(text: str, name: str = "Banned tokens") -> tuple[int, ...]:
    """Read token ids as typed: "2, 198" -> (2, 198), nothing -> ().

    Raises ValueError for anything else, which calls them `name`.
    """
    ids = _whole_numbers(text)
    if ids is None:
        raise ValueError(f"{name} must be ids such as 2, 198; got {clipped(text)}.")
    return ids


def _whole_numbers(text: str) -> tuple[int, ...] | None:
    """Numbers from 0 with commas or spaces between them; None for anything else."""
    try:
        numbers = tuple(int(word) for word in text.replace(",", " ").split())
    except ValueError:
        return None
    return numbers if min(numbers, default=0) >= 0 else None


def parse_biases(text: str) -> tuple[tuple[int, float], ...]:
    """Read logit biases as typed: "13: -2.5, 198: 1" -> ((13, -2.5), (198, 1.0)).

    Raises ValueError for anything else.
    """
    try:
        pairs = (pair.split(":") for pair in text.split(",") if pair.strip())
        return tuple((int(token), float(bias)) for token, bias in pairs)
    except ValueError:
        raise ValueError(
            "Logit biases must be token ids and what is added, such as "
            f"13: -2.5, 198: 1; got {clipped(text)}."
        ) from None


_ESCAPES = {r"\n": "\n", r"\t": "\t", r"\r": "\r", r"\\": "\\"}


def parse_texts(typed: str) -> tuple[str, ...]:
    r"""Read what was typed for `stop_strings`: one a line, \n for a new line.

    Empty lines count nothing. A backslash before anything else stays as it is.
    """
    lines = typed.replace("\r\n", "\n").split("\n")
    return tuple(unescaped(line) for line in lines if line)


def unescaped(typed: str) -> str:
    r"""\n, \t, \r and \\ as the characters they stand for."""
    pattern = "|".join(map(re.escape, _ESCAPES))
    return re.sub(pattern, lambda found: _ESCAPES[found[0]], typed)


def escaped(text: str) -> str:
    r"""A text on one line, as `unescaped` reads it."""
    for typed, character in reversed(_ESCAPES.items()):
        text = text.replace(character, typed)
    return text
