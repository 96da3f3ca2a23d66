"""What each head does on a text: a few patterns that have names.

Means over the queries from the second token on; the first one has no choice.

previous token  weight on the token before (https://arxiv.org/abs/2209.11895)
induction       weight on tokens that came right after an earlier one like this, of the
                queries that can see such a one (https://arxiv.org/abs/2209.11895)
first token     weight on the first token, the sink, of the queries that can see it
                (https://arxiv.org/abs/2309.17453)
itself          weight on the token itself
entropy         of the weights, in nats (https://arxiv.org/abs/1906.04341)
mean distance   how far back the weights lie, in tokens, 0 for the token itself
                (https://arxiv.org/abs/1906.04284)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.models import AttentionBlock, Explained
from playground.models.places import places, whole
from playground.views.amounts import bits, percent
from playground.views.explained_text import NOBODY, Waiting, window_words
from playground.views.view import Cell, Table
from playground.views.window import counted

Floats = NDArray[np.float32]
PATTERNS = {
    "previous_token": "previous token",
    "induction": "induction",
    "first_token": "first token",
    "itself": "itself",
    "entropy": "entropy (bits)",
    "mean_distance": "mean distance (tokens)",
}
"""Field of `HeadFinderView` -> what it is called."""


@dataclass(frozen=True, kw_only=True)
class HeadFinderView:
    """Numbers of all heads of the looked-at layers, each [L, Q].

    The first four are shares in [0, 1], the entropy is in nats, the distance in tokens.
    NaN where no query counts: `num_repeats` says how many can see what came after an
    earlier token like them, `num_tokens` is T.

    `even_entropy` and `even_distance` are those of weights that are all equal, on this
    text under this window, and so the measure for the last two.
    """

    layers: tuple[int, ...]
    num_tokens: int
    sliding_window: int
    num_repeats: int
    previous_token: Floats
    induction: Floats
    first_token: Floats
    itself: Floats
    entropy: Floats
    mean_distance: Floats
    even_entropy: float
    even_distance: float

    title = "What the heads do"

    def strongest(self, pattern: str) -> tuple[int, int, float] | None:
        """Layer, head and number of the largest in a field of PATTERNS, if any."""
        numbers: Floats = getattr(self, pattern)
        if np.isnan(numbers).all():
            return None
        row, head = np.unravel_index(np.nanargmax(numbers), numbers.shape)
        return self.layers[row], int(head), float(numbers[row, head])

    def words(self) -> str:
        told = []
        for pattern in ("previous_token", "induction", "first_token"):
            if found := self.strongest(pattern):
                layer, head, share = found
                name = PATTERNS[pattern]
                told.append(f"{name}: layer {layer}, head {head}, {percent(share)}")
        far = self.strongest("mean_distance")
        if far is not None:
            told.append(
                f"furthest back: layer {far[0]}, head {far[1]}, {far[2]:.1f} tokens on "
                f"average (evenly spread: {self.even_distance:.1f})"
            )
        found_words = "; ".join(told) or "one token tells nothing about its heads"
        return (
            f"{counted(self.previous_token.size, 'head')} on "
            f"{counted(self.num_tokens, 'token')} under "
            f"{window_words(self.sliding_window, self.num_tokens)}, "
            f"{self.num_repeats} of which could repeat what came before. "
            f"The clearest of each kind: {found_words}."
        )

    def table(self) -> Table:
        """A row for each head; "-" where no query counts."""
        layers, heads = np.indices(self.previous_token.shape).reshape(2, -1)
        return Table.of(
            {
                "layer": [self.layers[layer] for layer in layers],
                "head": heads,
                **{
                    name: map(_cell, self.shown(pattern).ravel().tolist())
                    for pattern, name in PATTERNS.items()
                },
            }
        )

    def shown(self, pattern: str) -> Floats:
        """The numbers [L, Q] of one of PATTERNS as they are told: entropies in bits."""
        numbers: Floats = getattr(self, pattern)
        in_bits: Floats = bits(numbers)
        return in_bits if pattern == "entropy" else numbers


def head_finder_view(
    explained: Explained,
    layers: Sequence[int],
    waiting: Waiting = NOBODY,
) -> HeadFinderView:
    """What the heads of some layers do. Raises ValueError, ExplainStopped.

    A text that repeats itself shows induction best: see `repeated_tokens`.
    """
    layers = places("layers", layers, explained.num_layers)
    counts = _Counts(explained)
    numbers = {
        pattern: np.zeros((len(layers), explained.num_query_heads))
        for pattern in PATTERNS
    }
    for i, layer in enumerate(waiting.layer_by_layer(layers)):
        for block in explained.attention_blocks(layer):
            for pattern, summed in _sums(block, explained).items():
                numbers[pattern][i] += summed
    return HeadFinderView(
        layers=tuple(layers),
        num_tokens=len(explained),
        sliding_window=explained.sliding_window,
        num_repeats=counts.repeats,
        **{
            pattern: _mean(summed, counts.of(pattern))
            for pattern, summed in numbers.items()
        },
        even_entropy=counts.even_entropy,
        even_distance=counts.even_distance,
    )


def repeated_tokens(
    vocabulary_size: int, length: int, seed: int = 0, times: int = 2
) -> tuple[int, ...]:
    """Random tokens, then the same again: only an induction head can tell what comes.

    `length` tokens come `times` times, https://arxiv.org/abs/2209.11895. Raises
    ValueError for numbers that are not whole and positive.
    """
    sizes = {"vocabulary_size": vocabulary_size, "length": length, "times": times}
    vocabulary_size, length, times = (whole(n, v, 1) for n, v in sizes.items())
    seed = whole("seed", seed, 0)
    once = np.random.default_rng(seed).integers(0, vocabulary_size, length)
    return tuple(np.tile(once, times).tolist())


class _Counts:
    """How many queries count for each pattern, and what even weights would give."""

    def __init__(self, explained: Explained) -> None:
        window, length = explained.sliding_window, len(explained)
        seen = np.minimum(np.arange(1, length) + 1, window)
        self.repeats = sum(
            int(
                _continues(explained, queries, _reach(queries, window))
                .any(axis=1)
                .sum()
            )
            for queries in np.array_split(np.arange(1, length), -(-length // 256))
            if queries.size
        )
        self._numbers = {
            "previous_token": length - 1 if window > 1 else 0,
            "induction": self.repeats,
            "first_token": min(window, length) - 1,
        }
        self._all = length - 1
        self.even_entropy = float(np.log(seen).mean()) if seen.size else 0.0
        self.even_distance = float((seen - 1).mean() / 2) if seen.size else 0.0

    def of(self, pattern: str) -> int:
        return self._numbers.get(pattern, self._all)


def _reach(queries: NDArray[Any], window: int) -> NDArray[Any]:
    return np.arange(max(0, queries[0] - window + 1), queries[-1] + 1)


def _continues(
    explained: Explained, queries: NDArray[Any], keys: NDArray[Any]
) -> NDArray[np.bool_]:
    """[n, m]: the key is seen, and came right after an earlier token like the query."""
    ids = np.array(explained.token_ids)
    distance = queries[:, None] - keys
    like: NDArray[np.bool_] = ids[queries][:, None] == ids[np.maximum(keys - 1, 0)]
    seen = (distance > 0) & (distance < explained.sliding_window)
    continues: NDArray[np.bool_] = like & seen & (keys > 0)
    return continues


def _sums(block: AttentionBlock, explained: Explained) -> dict[str, NDArray[Any]]:
    """The sums [Q] over the block's queries, but the text's first."""
    late = block.queries > 0
    queries, weights = block.queries[late], block.weights[:, late]
    distance = queries[:, None] - block.keys
    logs = np.log(weights, out=np.zeros_like(weights), where=weights > 0)

    def total(chosen: NDArray[Any]) -> NDArray[Any]:
        summed: NDArray[Any] = np.einsum(
            "qnm,nm->q", weights, chosen.astype(np.float32)
        )
        return summed

    return {
        "previous_token": total(distance == 1),
        "induction": total(_continues(explained, queries, block.keys)),
        "first_token": total(np.broadcast_to(block.keys == 0, distance.shape)),
        "itself": total(distance == 0),
        "entropy": -np.einsum("qnm,qnm->q", weights, logs),
        "mean_distance": total(distance),
    }


def _mean(summed: NDArray[Any], count: int) -> Floats:
    if count == 0:
        return np.full(summed.shape, np.nan, np.float32)
    return (summed / count).astype(np.float32)


def _cell(number: float) -> Cell:
    return "-" if np.isnan(number) else float(number)
