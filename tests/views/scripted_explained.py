"""An explained text whose attention a test writes down itself."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from playground.models import AttentionBlock, Explained

BLOCK = 3  # rows at a time, so that small texts have several blocks


class ScriptedExplained:
    """What views ask of an `Explained`, from full attention weights [L, Q, T, T].

    Under the window they are cut and divided by what is left, which is what softmax
    does. `lens_logits` [L + 1, T, V] is what each layer would predict.
    """

    def __init__(
        self,
        weights: Any,
        sliding_window: int | None = None,
        token_ids: Sequence[int] | None = None,
        lens_logits: Any = None,
        num_key_value_heads: int = 1,
    ) -> None:
        self.full = np.asarray(weights, np.float64)
        self.num_layers, self.num_query_heads, length, _ = self.full.shape
        self.num_key_value_heads = num_key_value_heads
        self.sliding_window = min(sliding_window or length, length)
        self.token_ids = tuple(token_ids or range(length))
        self.distance = np.arange(length)[:, None] - np.arange(length)
        near = (self.distance >= 0) & (self.distance < self.sliding_window)
        self.windowed = self.full * near
        self.windowed /= self.windowed.sum(axis=-1, keepdims=True)
        self.lens_logits = lens_logits

    def __len__(self) -> int:
        return len(self.token_ids)

    def _of(self, layer: int, full: bool) -> np.ndarray:
        weights = (self.full if full else self.windowed)[layer]
        return weights.astype(np.float32)

    def attention_rows(
        self, layer: int, positions: Sequence[int], full: bool = False
    ) -> np.ndarray:
        return self._of(layer, full)[:, list(positions)]

    def attention_blocks(
        self, layer: int, full: bool = False
    ) -> Iterator[AttentionBlock]:
        window = len(self) if full else self.sliding_window
        for start in range(0, len(self), BLOCK):
            end, first = min(start + BLOCK, len(self)), max(0, start - window + 1)
            yield AttentionBlock(
                first_query=start,
                first_key=first,
                weights=self._of(layer, full)[:, start:end, first:end],
            )

    def lens(self, layer: int, positions: Sequence[int]) -> np.ndarray:
        return np.asarray(self.lens_logits, np.float32)[layer + 1, list(positions)]


def scripted(*arguments: Any, **named: Any) -> Any:
    """A `ScriptedExplained` that passes for an `Explained`."""
    return cast(Explained, ScriptedExplained(*arguments, **named))


def random_weights(
    seed: int, num_layers: int, num_heads: int, length: int
) -> np.ndarray:
    """Causal attention weights [L, Q, T, T], some of them sharp."""
    scores = np.random.default_rng(seed).normal(
        0, 2, (num_layers, num_heads, length, length)
    )
    scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
