"""One setting: its words, its bounds, and what is wrong with a value."""

import sys
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from playground.controls.bounds import MAX_FLOAT32, Range, Whole, clipped

Kind = (
    Literal["choice", "number", "integer", "toggle"]
    | Literal["stop_ids", "token_ids", "biases", "texts"]
)

Group = Literal["Sampler", "Length", "Penalties", "Stops", "Prompt", "Window"]

MAX_TEXTS = 16
"""Of a control that holds several texts."""
MAX_TEXT_LENGTH = 200
"""Characters of each."""

MAX_TOKEN_IDS = 60
"""Of a control that holds token ids; biased and banned ones fit the chain together."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """One setting: its name, its words, its bounds and its default.

    `minimum` and `maximum` are inclusive unless `above_minimum` is set. `optional`
    allows None, which leaves a toggle to the model. `samplers` names the samplers that
    read the value; empty means all of them. `group` is the part of a host under which
    it stands, `placeholder` what an empty text field shows.

    The rest is about numbers of the chain. `stage` is the stage that reads the number,
    and `neutral` the value that changes nothing, None where another number of the stage
    decides. `usual` replaces a neutral value where the sampler lab shows the stage
    alone. Hosts offer `minimum` to `maximum`; a program may give the chain any number
    from `minimum` on, unless it is a share (at most 1), or whatever `beyond` says;
    `advice` says what to do about another. `argument` is the name that the class of a
    search has for it.
    """

    name: str
    label: str
    help: str
    kind: Kind
    group: Group
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    above_minimum: bool = False
    step: float | None = None
    choices: tuple[str, ...] = ()
    optional: bool = False
    samplers: tuple[str, ...] = ()
    placeholder: str = ""
    stage: str = ""
    neutral: Any = None
    usual: Any = None
    beyond: Range | None = None
    advice: str = ""
    argument: str = ""

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
            case "stop_ids":
                fine = value == "auto" or _is_token_ids(value)
            case "token_ids":
                fine = _is_token_ids(value) and len(value) <= MAX_TOKEN_IDS
            case "biases":
                fine = _is_biases(value) and len(value) <= MAX_TOKEN_IDS
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
            case "stop_ids":
                words = "'auto', none, or token ids (whole numbers from 0)"
            case "token_ids":
                words = f"up to {MAX_TOKEN_IDS} token ids (whole numbers from 0)"
            case "biases":
                words = f"up to {MAX_TOKEN_IDS} pairs of a token id and a number"
            case "texts":
                words = f"up to {MAX_TEXTS} texts of 1 to {MAX_TEXT_LENGTH} characters"
            case "integer" | "number":
                noun = "a whole number" if self.kind == "integer" else "a number"
                words = f"{noun} {self._bounds_in_words()}".rstrip()
        none_too = self.optional and self.kind not in ("stop_ids", "toggle")
        return words + (" or none" if none_too else "")

    @cached_property
    def in_chain(self) -> Range | Whole:
        """What the chain takes of a number."""
        assert self.minimum is not None
        off = self.neutral or "0"  # 1.0, but 0
        known = f"Use {off} to switch it off." if self.neutral is not None else ""
        advice = self.advice or known
        if self.kind == "integer":
            return Whole(int(self.minimum), advice)
        most = 1 if self.maximum == 1 else MAX_FLOAT32
        within = Range(self.minimum, most, above=self.above_minimum)
        return replace(self.beyond or within, advice=advice)

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


def _plain(number: float) -> str:
    """Whole numbers without a point: 4294967295, 0.5."""
    return str(int(number)) if number == int(number) else str(number)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    """Whether it is a number that a float can hold; JSON has longer ones."""
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and abs(value) <= sys.float_info.max


def _is_texts(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) <= MAX_TEXTS
        and all(isinstance(t, str) and 0 < len(t) <= MAX_TEXT_LENGTH for t in value)
    )


def _is_token_ids(value: Any) -> bool:
    return isinstance(value, tuple) and all(_is_integer(i) and i >= 0 for i in value)


def _is_biases(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(pair, tuple)
        and len(pair) == 2
        and _is_token_ids(pair[:1])
        and _is_number(pair[1])
        for pair in value
    )
