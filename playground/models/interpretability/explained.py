"""What happens inside of a model while it reads a text, layer by layer, on demand.

Letters: T tokens, N positions, Q query heads, K key/value heads, H head dim, D hidden
dim, V vocabulary.

    explained = explain(model, token_ids, sliding_window=64)
    explained.attention(layer=0)         [Q, T, T], what the layer mixes values by
    explained.logits(position=-1)        [V], what comes next
    explained.logits(position=5, layer=2)  the logit lens

Only the inputs of some layers are kept; all else is computed again from them, by the
layers of the model, when it is asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.models.interpretability.text_reading import TextReading, check_text
from playground.models.layer_programs import (
    CHUNK,
    LayerPrograms,
    int32,
    padded,
    padded_size,
    predicted_blocks,
)
from playground.models.mistral_causal_lm import MistralCausalLM
from playground.models.places import place, whole
from playground.system.progress import Progress, Stopped, never, say_nothing

MAX_DENSE = 512
"""Tokens of the longest text whose weights [Q, T, T] come all at once."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class AttentionBlock:
    """Some rows of a layer's attention weights, and the keys that they can see.

    `weights` f32 [Q, n, m]: what the tokens at `first_query` and on give to those at
    `first_key` and on. What lies outside of these keys is 0.
    """

    first_query: int
    first_key: int
    weights: Floats

    @property
    def queries(self) -> Ints:
        """The positions [n] of the rows."""
        return self.first_query + np.arange(self.weights.shape[1], dtype=np.int32)

    @property
    def keys(self) -> Ints:
        """The positions [m] of the columns."""
        return self.first_key + np.arange(self.weights.shape[2], dtype=np.int32)


def explain(
    model: MistralCausalLM,
    token_ids: Sequence[int],
    sliding_window: int | None = None,
    progress: Progress = say_nothing,
    stopped: Stopped = never,
) -> "Explained":
    """Read a text, and be ready to tell what happened.

    Args:
        token_ids: 1 to 8,192 ids of the vocabulary, and no more than the context.
        sliding_window: tokens that a token sees, itself included. None: the model's
            own, or all. A wider one than the model's own shows what it would do.
        progress: told how far it is, with a fraction in 0..1.
        stopped: asked between chunks of 256 tokens in each layer.

    Raises:
        ValueError: for another number of tokens, an id or a window that cannot be.
        ExplainStopped: if `stopped` said so.
    """
    backbone = model.backbone
    check_text(
        token_ids, sliding_window, backbone.vocabulary_size, backbone.context_length
    )
    window = sliding_window or backbone.widest_window or len(token_ids)
    return Explained(model.layer_programs, token_ids, window, progress, stopped)


class Explained:
    """A text that was read; made by `explain`. Not to be used by two threads at once.

    Memory: the inputs of as many layers as fit into 320 MB, or every n-th; those of
    the layers between two of them, while one of these is looked at; for a question the
    rows of 256 tokens. Weights are the ones that the text was read with.
    """

    def __init__(
        self,
        programs: LayerPrograms,
        token_ids: Sequence[int],
        window: int,
        progress: Progress,
        stopped: Stopped,
    ) -> None:
        backbone = programs.backbone
        self.reading = TextReading(programs, token_ids, window, progress, stopped)
        self.token_ids = self.reading.token_ids
        self.sliding_window = self.reading.sliding_window
        """Tokens that a token sees, itself included; at most T. Where layers differ
        it is that of the widest one."""
        self.layer_windows = self.reading.layer_windows
        """The same of each layer."""
        self.num_layers: int = backbone.num_layers
        self.num_query_heads: int = backbone.num_query_heads
        self.num_key_value_heads: int = backbone.num_key_value_heads
        self._programs = programs
        self._keys_of: tuple[int, NDArray[Any], NDArray[Any]] | None = None

    def __len__(self) -> int:
        """T, the number of tokens."""
        return len(self.token_ids)

    def under(
        self,
        sliding_window: int,
        progress: Progress = say_nothing,
        stopped: Stopped = never,
    ) -> "Explained":
        """The same text under another window. Raises as `explain` does."""
        check_text(
            self.token_ids, sliding_window, self._programs.backbone.vocabulary_size
        )
        return Explained(
            self._programs, self.token_ids, sliding_window, progress, stopped
        )

    def hidden(self, layer: int) -> Floats:
        """The output [T, D] of a layer; of -1, the embeddings.

        Layers count as for `score`'s `layer_intercept_fn`.
        """
        layer = self._layer_or_embeddings(layer)
        return self.reading.input(layer + 1).astype(np.float32)

    def attention(self, layer: int, full: bool = False) -> Floats:
        """A layer's attention weights [Q, T, T]: of a query (row) for all keys.

        Rows sum to 1. With `full` this layer alone is without its window: the weights
        that the same queries would have for all keys up to their own.

        Raises ValueError for a text of more than 512 tokens: ask for some rows then.
        """
        if len(self) > MAX_DENSE:
            raise ValueError(
                f"All attention weights at once are for texts up to {MAX_DENSE} "
                f"tokens, this one has {len(self):,}. Ask for rows or blocks of them."
            )
        return self.attention_rows(layer, range(len(self)), full)

    def attention_rows(
        self, layer: int, positions: Sequence[int], full: bool = False
    ) -> Floats:
        """The rows [Q, N, T] of `attention` for the queries at some positions."""
        places = int32([self._position(each) for each in positions])
        rows = np.zeros((self.num_query_heads, len(places), len(self)), np.float32)
        for start in range(0, len(places), CHUNK):
            some = places[start : start + CHUNK]
            first, found = self._attend(layer, some, full)
            rows[:, start : start + CHUNK, first : first + found.shape[2]] = found
        return rows

    def attention_blocks(
        self, layer: int, full: bool = False
    ) -> Iterator[AttentionBlock]:
        """All rows of `attention`, up to 256 at a time: Q * 256 * T floats at most."""
        for start in range(0, len(self), self.reading.chunk):
            end = min(start + self.reading.chunk, len(self))
            first, found = self._attend(layer, int32(range(start, end)), full)
            yield AttentionBlock(first_query=start, first_key=first, weights=found)

    def keys_and_values(self, layer: int) -> tuple[Floats, Floats]:
        """What the cache would hold: a layer's keys (turned) and values [K, T, H]."""
        keys, values = self._keys_and_values(layer)
        real = slice(len(self))
        return (
            keys[real].transpose(1, 0, 2).astype(np.float32),
            values[real].transpose(1, 0, 2).astype(np.float32),
        )

    def logits(self, position: int, layer: int | None = None) -> Floats:
        """Logits [V] of the token after a position; -1 is the last.

        With a `layer`, the logit lens: what its output there would predict.
        """
        return self.lens(self.num_layers - 1 if layer is None else layer, [position])[0]

    def lens(self, layer: int, positions: Sequence[int]) -> Floats:
        """Logits [N, V] from a layer's output, through final norm and vocabulary head.

        Of layer -1, the embeddings. The last layer's are the model's own. It is the
        logit lens: https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru
        """
        layer = self._layer_or_embeddings(layer)
        x = self.reading.input(layer + 1)[[self._position(each) for each in positions]]
        weights = self.reading.outer_weights
        found = [
            np.asarray(self._programs.predict(weights, some))
            for some in predicted_blocks(x)
        ]
        return np.concatenate(found)[: len(x)]

    def _attend(self, layer: int, places: Ints, full: bool) -> tuple[int, Floats]:
        """The first key, and weights [Q, n, m] of the queries at `places`."""
        keys, _ = self._keys_and_values(layer)
        window = len(self) if full else self.layer_windows[layer]
        first = max(0, int(places.min()) - window + 1)
        end = int(places.max()) + 1
        spans = padded(keys[first:end], padded_size(end - first))
        size = padded_size(len(places), CHUNK)
        found = self._programs.attention(
            self.reading.weights[layer],
            padded(self.reading.input(layer)[places], size),
            padded(places, size),
            spans,
            int32(first),
            int32(window),
        )
        return first, np.asarray(found)[:, : len(places), : end - first]

    def _keys_and_values(self, layer: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """[padded T, K, H] each; the last layer's are remembered."""
        layer = place("layer", layer, self.num_layers)
        if self._keys_of is None or self._keys_of[0] != layer:
            x = self.reading.padded_input(layer)
            found = [
                self._programs.keys_and_values(
                    self.reading.weights[layer],
                    x[start : start + self.reading.chunk],
                    int32(start),
                )
                for start in range(0, len(x), self.reading.chunk)
            ]
            keys, values = (np.concatenate(each) for each in zip(*found, strict=True))
            self._keys_of = (layer, keys, values)
        return self._keys_of[1:]

    def _layer_or_embeddings(self, layer: int) -> int:
        last = self.num_layers - 1
        expected = f"-1 (the embeddings) or from 0 to {last}"
        return whole("layer", layer, -1, last, expected)

    def _position(self, position: int) -> int:
        return place("position", position, len(self), from_end=True)
