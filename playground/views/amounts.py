"""Probabilities and information as they are written under a picture."""

import math
from typing import Any

BITS_PER_NAT = 1 / math.log(2)


def percent(share: float) -> str:
    """A share of 1 with one decimal; what is not quite nothing or all says so.

    >>> percent(0.9134), percent(1.0), percent(0.0002), percent(0.99996)
    ('91.3%', '100%', '<0.1%', '>99.9%')
    """
    if share <= 0 or share >= 1 - 1e-6:  # sums of float32 end a little off 1
        return "0%" if share <= 0 else "100%"
    if share < 0.0005 or share > 0.9995:
        return "<0.1%" if share < 0.5 else ">99.9%"
    return f"{share:.1%}"


def rough_percent(share: float) -> str:
    """The same without decimals, but for what is nearly nothing or all.

    >>> rough_percent(0.714), rough_percent(0.998), rough_percent(0.0)
    ('71%', '99.8%', '0%')
    """
    rounded = f"{share:.0%}"
    return percent(share) if rounded in ("0%", "100%") else rounded


def bits(nats: Any) -> Any:
    """Information of `nats`, a number or an array, in bits.

    Arrays of views are in nats, as their formulas; words, tables and pictures in bits.
    """
    return nats * BITS_PER_NAT


def tokens(count: int) -> str:
    """`count` tokens, in words."""
    return f"{count:,} token{'' if count == 1 else 's'}"
