"""Refuses numbers of tokens, layers and heads that are not there, by their names.

Python's own rules would take `True` for 1, and an index modulo the length is always
somewhere: a picture of the wrong token looks as right as any other.
"""

from collections.abc import Iterable
from numbers import Integral


def whole(
    name: str, value: object, low: int, high: int | None = None, expected: str = ""
) -> int:
    """`value` as an int, also if it is NumPy's.

    Raises ValueError unless it is a whole number from `low` to `high`; None: no bound.
    `expected` says so in other words.
    """
    bounds = f"at least {low:,}" if high is None else f"from {low:,} to {high:,}"
    return _checked(name, value, low, high, expected or bounds)


def place(name: str, value: object, count: int, *, from_end: bool = False) -> int:
    """The place, from 0 on, that `value` names among `count`.

    With `from_end` -1 is the last one, and -`count` the first. Raises ValueError for
    one that is not there.
    """
    if count < 1:
        raise ValueError(f"`{name}` names one of none, got {value!r:.80}.")
    expected = f"from 0 to {count - 1:,}"
    if from_end:
        expected += f", or from the end with -1 to -{count:,}"
    low = -count if from_end else 0
    return _checked(name, value, low, count - 1, expected) % count


def places(name: str, values: object, count: int) -> list[int]:
    """Each of `values` as a `place` from 0 on. Raises ValueError if they are none."""
    listed = list(values) if isinstance(values, Iterable) else []
    if not listed:
        raise ValueError(
            f"`{name}` must be one or more whole numbers from 0 to {count - 1:,}, "
            f"got {values!r:.80}."
        )
    return [place(name, value, count) for value in listed]


def _checked(
    name: str, value: object, low: int, high: int | None, expected: str
) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ValueError(
            f"`{name}` must be a whole number, {expected}, got {value!r:.80}."
        )
    number = int(value)
    if number < low or (high is not None and number > high):
        raise ValueError(f"`{name}` must be {expected}, got {number:,}.")
    return number
