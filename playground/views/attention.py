"""What each token of a text attends to in one head, and all heads of a layer at once.

Attention says where a head reads, not why the model says what it says: weights that
differ much can give the same answer (https://arxiv.org/abs/1902.10186).

Letters: T tokens, U units (tokens, words or lines), Q query heads, m links of a unit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playground.models import Explained
from playground.models.places import place, whole
from playground.views.amounts import percent
from playground.views.explained_text import window_words
from playground.views.text_units import TextUnits, even_units
from playground.views.view import Table
from playground.views.window import counted

MAX_DENSE = 512
"""Units of the largest map that is kept whole."""
_ROWS_AT_ONCE = 256

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Links:
    """The strongest links of each unit, the strongest first.

    `positions` int32 [U, m]: which units they lead to, -1 where there are fewer.
    `weights` f32 [U, m]: in [0, 1], 0 where there are fewer.
    """

    positions: Ints
    weights: Floats


@dataclass(frozen=True, kw_only=True)
class AttentionView:
    """One head's attention over a text.

    `units`: what rows and columns are. `weights` f32 [U, U]: from a row to a column,
    rows sum to 1; None if there are more than 512 units, then the links are what is
    kept. `looks_at`: of each unit as a query; `looked_at_by`: of each unit as a key.
    `strongest_link`: query, key and weight of the strongest to another unit from 1 on.
    `prompt_length`: how many units begin in the prompt; the rest was generated.
    `sliding_window`: tokens that a token sees, itself included; T if it does not bind.
    """

    layer: int
    head: int
    units: TextUnits
    sliding_window: int
    prompt_length: int
    weights: Floats | None
    looks_at: Links
    looked_at_by: Links
    strongest_link: tuple[int, int, float]

    @property
    def labels(self) -> tuple[str, ...]:
        return self.units.labels

    @property
    def title(self) -> str:
        return f"Attention of layer {self.layer}, head {self.head}"

    def words(self) -> str:
        by = self.units.by
        told = (
            f"Head {self.head} of layer {self.layer} over "
            f"{counted(len(self.labels), by)}, with "
            f"{window_words(self.sliding_window, self.units.num_tokens)}."
        )
        query, key, weight = self.strongest_link
        if weight == 0:
            return f"{told} No {by} looks at another one but the first."
        return (
            f"{told} Its strongest link between two, but for the first one, which many "
            f"heads fall back on: {by} {query} “{self.labels[query]}” gives "
            f"{percent(weight)} of its attention to {by} {key} “{self.labels[key]}”."
        )

    def table(self) -> Table:
        """Each unit's strongest links as a query."""
        by, names, links = self.units.by, self.labels, self.looks_at
        queries, places = np.nonzero(links.positions >= 0)
        keys = links.positions[queries, places]
        return Table.of(
            {
                "position": queries,
                by: [names[query] for query in queries],
                "looks at position": keys,
                f"looks at {by}": [names[key] for key in keys],
                "weight": links.weights[queries, places],
            }
        )


@dataclass(frozen=True, kw_only=True)
class LayerView:
    """All heads of a layer, small.

    `weights` f32 [Q, U, U] between at most `size` stretches of equally many tokens:
    the mean over the queries of what goes to all keys of a stretch; rows sum to 1.
    `units`: the stretches. `distance` f32 [Q]: how many tokens back a head looks, the
    mean over all queries, 0 for the token itself.
    """

    layer: int
    units: TextUnits
    sliding_window: int
    weights: Floats
    distance: Floats

    @property
    def title(self) -> str:
        return f"All heads of layer {self.layer}"

    def words(self) -> str:
        on_itself = np.einsum("quu->qu", self.weights).mean(axis=1)
        near, far = int(self.distance.argmin()), int(self.distance.argmax())
        size = int(self.units.sizes[0])
        close = "the token itself" if size == 1 else f"the same {size} tokens"
        told = (
            f"{counted(len(self.weights), 'head')} of layer {self.layer} over "
            f"{counted(self.units.num_tokens, 'token')}, with "
            f"{window_words(self.sliding_window, self.units.num_tokens)}. "
        )
        shares = [percent(float(share)) for share in on_itself]
        back = [f"{tokens_back:.2f}" for tokens_back in self.distance]
        if self.distance[near] == self.distance[far]:
            each = "Its head looks" if len(self.weights) == 1 else "All look"
            return f"{told}{each} {back[near]} tokens back on average."
        return (
            f"{told}Head {near} stays nearest, with {shares[near]} on {close}; "
            f"head {far} looks furthest away, with {shares[far]}. On average they look "
            f"{back[near]} and {back[far]} tokens back."
        )

    def table(self) -> Table:
        """The attention of each head from each stretch to each one that it sees."""
        names, (heads, queries, keys) = self.units.labels, np.nonzero(self.weights > 0)
        return Table.of(
            {
                "head": heads,
                "from tokens": [names[query] for query in queries],
                "to tokens": [names[key] for key in keys],
                "weight": self.weights[heads, queries, keys],
            }
        )


def attention_view(
    explained: Explained,
    layer: int,
    head: int,
    units: TextUnits,
    prompt_length: int,
    most_links: int = 8,
) -> AttentionView:
    """One head's attention between the units of the text that was explained.

    Args:
        units: of that text, from `text_units` or `tokens_as_units`.
        prompt_length: tokens of the prompt.
        most_links: how many links of a unit are kept each way, m.

    Takes 4 * U * U bytes while it is made. Raises ValueError for a layer or head that
    is not there, or for units of another text.
    """
    _check(explained, units)
    layer = place("layer", layer, explained.num_layers)
    head = place("head", head, explained.num_query_heads)
    prompt_length = whole("prompt_length", prompt_length, 0, len(explained))
    most_links = whole("most_links", most_links, 1)
    (weights,) = between(explained, layer, units, slice(head, head + 1))
    return AttentionView(
        layer=layer,
        head=head,
        units=units,
        sliding_window=explained.sliding_window,
        prompt_length=units.count_before(prompt_length),
        weights=weights if len(units) <= MAX_DENSE else None,
        looks_at=strongest(weights, most_links),
        looked_at_by=strongest(weights.T, most_links),
        strongest_link=_strongest_link(weights),
    )


def layer_view(explained: Explained, layer: int, size: int = 48) -> LayerView:
    """All heads of a layer, for texts of any length; `size` is the most stretches.

    Raises ValueError for a layer that is not there, and for no stretch.
    """
    layer = place("layer", layer, explained.num_layers)
    units = even_units(len(explained), whole("size", size, 1))
    return LayerView(
        layer=layer,
        units=units,
        sliding_window=explained.sliding_window,
        weights=between(explained, layer, units),
        distance=_mean_distance(explained, layer),
    )


def _mean_distance(explained: Explained, layer: int) -> Floats:
    """Tokens [Q] that a layer's heads look back, the mean over all queries."""
    summed = np.zeros(explained.num_query_heads)
    for block in explained.attention_blocks(layer):
        back = (block.queries[:, None] - block.keys).astype(np.float32)
        summed += np.einsum("qnm,nm->q", block.weights, back)
    return (summed / len(explained)).astype(np.float32)


def between(
    explained: Explained, layer: int, units: TextUnits, heads: slice = slice(None)
) -> Floats:
    """Attention [heads, U, U] from and to units of several tokens.

    What goes to a unit is the sum over its tokens, what comes from it the mean, so
    rows still sum to 1: https://arxiv.org/abs/1906.04341, section 4.1.
    """
    num_heads = len(range(explained.num_query_heads)[heads])
    found = np.zeros((num_heads, len(units), len(units)), np.float32)
    for block in explained.attention_blocks(layer):
        columns, summed = units.sums(block.weights[heads], block.first_key, axis=2)
        rows, summed = units.sums(summed, block.first_query, axis=1)
        found[:, rows, columns] += summed
    found /= units.sizes[:, None]
    return found


def strongest(weights: NDArray[np.float32], most: int) -> Links:
    """The `most` largest weights of each row [U, V] that are not 0."""
    most = min(most, weights.shape[1])
    found = [
        _strongest(weights[start : start + _ROWS_AT_ONCE], most)
        for start in range(0, len(weights), _ROWS_AT_ONCE)
    ]
    positions, values = map(np.concatenate, zip(*found, strict=True))
    return Links(
        positions=np.where(values > 0, positions, -1).astype(np.int32), weights=values
    )


def _strongest_link(weights: Floats) -> tuple[int, int, float]:
    """Query, key and weight of the largest off the diagonal and the first column."""
    found = (0, 0, 0.0)
    for query in range(len(weights)):
        row = weights[query].copy()
        row[[0, query]] = 0
        key = int(row.argmax())
        if row[key] > found[2]:
            found = query, key, float(row[key])
    return found


def _strongest(rows: NDArray[np.float32], most: int) -> tuple[Ints, Floats]:
    some = np.sort(np.argpartition(-rows, most - 1, axis=1)[:, :most], axis=1)
    values = np.take_along_axis(rows, some, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    ordered = np.take_along_axis(some, order, axis=1).astype(np.int32)
    return ordered, np.take_along_axis(values, order, axis=1)


def _check(explained: Explained, units: TextUnits) -> None:
    if units.num_tokens != len(explained):
        raise ValueError(
            f"The units are of a text of {units.num_tokens:,} tokens, the one that was "
            f"explained has {len(explained):,}."
        )
