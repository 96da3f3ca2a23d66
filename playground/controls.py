"""What a person can change, described once for every host.

A `Control` holds the name, the words and the bounds of one setting. The page, the
notebook panel, the command line and `GenerationSettings` all read the same tuple, so a
bound or a sentence is written in one place only.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["choice", "number", "integer", "toggle", "token_ids", "texts"]

SAMPLERS = ("top_p", "top_k", "random", "greedy")

MAX_TEXTS, MAX_TEXT_LENGTH = 16, 200
"""Of a control that holds several texts."""

DTYPES = ("float32", "bfloat16", "int8")
"""What weights may be kept as; int8 is a quarter of float32's memory."""

SAMPLER_LABELS = {
    "top_p": "Top-p: the likeliest tokens that together reach p",
    "top_k": "Top-k: the k likeliest tokens",
    "random": "Random: every token, by its probability",
    "greedy": "Greedy: always the likeliest token",
}


@dataclass(frozen=True, kw_only=True)
class Control:
    """One setting: its name, its words, its bounds and its default.

    `minimum` and `maximum` are inclusive unless `above_minimum` is set. `optional`
    allows None. `samplers` names the samplers that read the value; empty means all of
    them.
    """

    name: str
    label: str
    help: str
    kind: Kind
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    above_minimum: bool = False
    step: float | None = None
    choices: tuple[str, ...] = ()
    optional: bool = False
    samplers: tuple[str, ...] = ()

    def acts_on(self, sampler: str) -> bool:
        """Whether this control changes anything under `sampler`."""
        return not self.samplers or sampler in self.samplers

    def fault(self, value: Any) -> str | None:
        """What is wrong with `value`, and what would do; None if it is fine."""
        if value is None and self.optional:
            return None
        match self.kind:
            case "choice":
                fine = isinstance(value, str) and value in self.choices
            case "toggle":
                fine = isinstance(value, bool)
            case "token_ids":
                fine = value == "auto" or _is_token_ids(value)
            case "texts":
                fine = _is_texts(value)
            case "integer":
                fine = _is_integer(value) and self._in_bounds(value)
            case "number":
                fine = _is_number(value) and self._in_bounds(value)
        if fine:
            return None
        got = "none" if value is None else clipped(value)
        return f"`{self.name}` must be {self.expected}, got {got}."

    @property
    def expected(self) -> str:
        """The allowed values in words, for error messages and documents."""
        match self.kind:
            case "choice":
                words = f"one of {', '.join(self.choices)}"
            case "toggle":
                words = "true or false"
            case "token_ids":
                words = "'auto', none, or token ids (whole numbers from 0)"
            case "texts":
                words = f"up to {MAX_TEXTS} texts of 1 to {MAX_TEXT_LENGTH} characters"
            case "integer" | "number":
                noun = "a whole number" if self.kind == "integer" else "a number"
                words = f"{noun} {self._bounds_in_words()}".rstrip()
        none_too = self.optional and self.kind != "token_ids"
        return words + (" or none" if none_too else "")

    def _bounds_in_words(self) -> str:
        low, high = self.minimum, self.maximum
        if low is None:
            return ""
        if high is None:
            return f"{'above' if self.above_minimum else 'from'} {_plain(low)}"
        lower = "above {} and up" if self.above_minimum else "from {}"
        return f"{lower.format(_plain(low))} to {_plain(high)}"

    def _in_bounds(self, value: float) -> bool:
        if self.minimum is not None and value < self.minimum:
            return False
        if self.above_minimum and value == self.minimum:
            return False
        return self.maximum is None or value <= self.maximum


def clipped(value: object) -> str:
    """A value in a message; what came from outside can be of any length."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _plain(number: float) -> str:
    """Whole numbers without a point: 4294967295, 0.5."""
    return str(int(number)) if number == int(number) else str(number)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and math.isfinite(value)


def _is_texts(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) <= MAX_TEXTS
        and all(isinstance(t, str) and 0 < len(t) <= MAX_TEXT_LENGTH for t in value)
    )


def _is_token_ids(value: Any) -> bool:
    return isinstance(value, tuple) and all(_is_integer(i) and i >= 0 for i in value)


CONTROLS: tuple[Control, ...] = (
    Control(
        name="sampler",
        label="Sampler",
        help="How the next token is chosen from the model's probabilities.",
        kind="choice",
        default="top_p",
        choices=SAMPLERS,
    ),
    Control(
        name="temperature",
        label="Temperature",
        help="Below 1 sharpens the choice, above 1 flattens it. 0 is greedy.",
        kind="number",
        default=0.7,
        minimum=0.0,
        maximum=2.0,
        step=0.05,
        samplers=("top_p", "top_k", "random"),
    ),
    Control(
        name="top_k",
        label="Top-k",
        help="Keep the k most likely tokens.",
        kind="integer",
        default=40,
        minimum=1,
        maximum=1000,
        step=1,
        samplers=("top_k",),
    ),
    Control(
        name="top_p",
        label="Top-p",
        help="Keep the most likely tokens that together reach p. 1 keeps all.",
        kind="number",
        default=0.9,
        minimum=0.0,
        above_minimum=True,
        maximum=1.0,
        step=0.01,
        samplers=("top_p",),
    ),
    Control(
        name="seed",
        label="Seed",
        help="The same seed and settings give the same text. Empty draws a new one.",
        kind="integer",
        default=None,
        minimum=0,
        maximum=2**32 - 1,
        optional=True,
        samplers=("top_p", "top_k", "random"),
    ),
    Control(
        name="max_new_tokens",
        label="New tokens",
        help="Stop after this many new tokens.",
        kind="integer",
        default=128,
        minimum=1,
        maximum=4096,
        step=1,
        optional=True,
    ),
    Control(
        name="max_length",
        label="Total length",
        help="Stop when prompt and answer together reach this many tokens.",
        kind="integer",
        default=None,
        minimum=1,
        optional=True,
    ),
    Control(
        name="shorten_prompt",
        label="Shorten a long prompt",
        help="Leave out the beginning of a prompt that is too long. Off: refuse it.",
        kind="toggle",
        default=False,
    ),
    Control(
        name="stop_token_ids",
        label="Stop tokens",
        help="auto: the model's end token. none: to the full length. Or ids: 2, 198.",
        kind="token_ids",
        default="auto",
        optional=True,
    ),
    Control(
        name="stop_strings",
        label="Stop strings",
        help=r"Stop at one of these texts, one a line. \n is a new line, \t a tab.",
        kind="texts",
        default=(),
    ),
    Control(
        name="keep_stop_string",
        label="Keep the stop string",
        help="Leave the stop string at the end of the text.",
        kind="toggle",
        default=False,
    ),
    Control(
        name="sliding_window",
        label="Sliding window",
        help="How many tokens each token sees, itself included. Empty: as trained.",
        kind="integer",
        default=None,
        minimum=1,
        optional=True,
    ),
    Control(
        name="chat",
        label="Chat format",
        help="Wrap the prompt in the model's chat template. Off sends it as it is.",
        kind="toggle",
        default=True,
    ),
    Control(
        name="strip_prompt",
        label="Hide the prompt",
        help="Show only the new text, without the prompt before it.",
        kind="toggle",
        default=True,
    ),
)

BY_NAME: dict[str, Control] = {control.name: control for control in CONTROLS}


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
    try:
        ids = tuple(int(word) for word in words.replace(",", " ").split())
    except ValueError:
        ids = (-1,)
    if min(ids, default=-1) < 0:
        raise ValueError(
            f"Stop tokens must be auto, none, or ids such as 2, 198; got {text!r}."
        )
    return ids


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
