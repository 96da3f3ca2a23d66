"""What a person types into a field, as the value that it stands for, and back."""

import re

from playground.controls.bounds import clipped


def parse_token_ids(text: str) -> str | tuple[int, ...] | None:
    """Read what a person typed for `stop_token_ids`.

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
    r"""Read what a person typed for `stop_strings`: one a line, \n for a new line.

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
