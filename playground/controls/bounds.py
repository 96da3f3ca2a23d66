"""Ranges of numbers; `check` raises ValueError with what to do."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypeGuard

MAX_SEED = 2**32 - 1
MAX_FLOAT32 = (2 - 2**-23) * 2.0**127
"""The chain computes in float32, where 1e39 is already infinite."""


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`; `above` leaves out `low`, `below` `high`.

    `advice` says what to do about another number.
    """

    low: float
    high: float
    above: bool = False
    below: bool = False
    advice: str = ""

    def check(self, name: str, value: object) -> float:
        """The value as a float. Raises ValueError, which calls it `name`."""
        if is_real(value) and self._holds(float(value)):
            return float(value)
        raise ValueError(_fault(name, str(self), value, self.advice))

    def _holds(self, value: float) -> bool:
        low = value > self.low if self.above else value >= self.low
        return low and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        if self.high == MAX_FLOAT32:
            bound = "" if self.low == -MAX_FLOAT32 else f" >= {self.low:g}"
            return f"a finite number{bound}"
        brackets = "(" if self.above else "[", ")" if self.below else "]"
        return f"in {brackets[0]}{self.low:g}, {self.high:g}{brackets[1]}"


@dataclass(frozen=True)
class Whole:
    """The whole numbers from `low`; `advice` as in `Range`."""

    low: int
    advice: str = ""

    def check(self, name: str, value: object) -> int:
        """The value as an int. Raises ValueError, which calls it `name`."""
        if is_whole(value) and int(value) >= self.low:
            return int(value)
        raise ValueError(_fault(name, str(self), value, self.advice))

    def __str__(self) -> str:
        return f"a whole number >= {self.low}"


def clipped(value: object) -> str:
    """A value in a message; what came from outside can be of any length."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def is_real(value: object) -> TypeGuard[Real]:
    """Whether it is a number that a float can hold; whole ones may be longer."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def is_whole(value: object) -> TypeGuard[Integral]:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _fault(name: str, words: str, value: object, advice: str) -> str:
    return f"`{name}` must be {words}, got {clipped(value)}. {advice}".rstrip()
