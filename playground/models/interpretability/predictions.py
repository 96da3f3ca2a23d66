"""How well a model predicts a text that was explained, token by token."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playground.models.interpretability.explained import Explained
from playground.models.layer_programs import int32, predicted_blocks

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class TextNumbers:
    """What the model made of the text's own tokens 1 to T-1, each [T - 1].

    Index i is about token i + 1, as predicted from tokens 0 to i. Nothing predicts
    token 0: a text's own first token counts only behind a start token.
    """

    surprisal: Floats
    """-ln of the token's probability, in nats."""
    rank: NDArray[np.int32]
    """1 for the likeliest; equal ones share a rank."""
    entropy: Floats
    """Of the distribution that it came from, in nats."""


def text_numbers(explained: Explained) -> TextNumbers:
    """Surprisal, rank and entropy of the text's own tokens."""
    reading = explained.reading
    targets = int32(explained.token_ids[1:])
    if not len(targets):
        empty = np.zeros(0, np.float32)
        return TextNumbers(surprisal=empty, rank=int32([]), entropy=empty)
    outputs = reading.input(reading.num_layers)[:-1]
    found = [
        reading.programs.measure(reading.outer_weights, x, some)
        for x, some in zip(
            predicted_blocks(outputs), predicted_blocks(targets), strict=True
        )
    ]
    surprisal, rank, entropy = (
        np.concatenate(each)[: len(targets)] for each in zip(*found, strict=True)
    )
    return TextNumbers(surprisal=surprisal, rank=rank, entropy=entropy)


def divergence(own: Explained, other: Explained) -> Floats:
    """How much what `other` predicts differs, after each token [T], in nats.

    It is KL(P || R) of P, what `own` predicts, and the other's R, for the same tokens
    under another window. Raises ValueError for another text.
    """
    if other.token_ids != own.token_ids:
        raise ValueError(
            "Predictions are compared for one text, got two different texts."
        )
    reading = own.reading
    outputs = (each.reading.input(own.num_layers) for each in (own, other))
    found = [
        reading.programs.divergence(reading.outer_weights, p, r)
        for p, r in zip(*map(predicted_blocks, outputs), strict=True)
    ]
    # Rounding may give a little less than 0.
    return np.maximum(np.concatenate(found)[: len(own)], 0)
