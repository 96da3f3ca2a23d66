"""Records of tokens with numbers that can be followed by hand."""

import math
from typing import Any

from playground.engine import StageCount, TokenRecord, TopToken


def record(probability: float = 0.25, **changes: Any) -> TokenRecord:
    """One of a token with this probability, from 8 equal choices."""
    known: dict[str, Any] = {
        "logprob": math.log(probability),
        "chain_logprob": math.log(probability),
        "rank": 1,
        "entropy": math.log(8),
        "choices": 8.0,
        "stages": (StageCount("model", 97, 1.0),),
        "top": (),
    }
    return TokenRecord(**{**known, **changes})


def top(*numbers: tuple[int, float, float]) -> tuple[TopToken, ...]:
    return tuple(TopToken(*each) for each in numbers)
