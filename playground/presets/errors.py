"""The one error of this package, and how it speaks of somebody else's files."""

from collections.abc import Sequence


class LoadError(Exception):
    """A model could not be loaded. The message says what, where and what to do.

    It is written for the person who asked for the model, and names every fault found.
    """


def listed(faults: Sequence[str], most: int = 30) -> str:
    """One line each; a single wrong number can make hundreds of them.

    >>> listed(["a is missing", "b is missing", "c is missing"], most=2)
    '\\n- a is missing\\n- b is missing\\n- and 1 more'
    """
    left = len(faults) - most
    more = [f"and {left} more"] if left > 0 else []
    return "".join(f"\n- {fault}" for fault in [*faults[:most], *more])


def shown(value: object, most: int = 80) -> str:
    """A value from a file, quoted and not longer than a line.

    >>> shown("x" * 100, most=5)
    "'xxxx..."
    """
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."
