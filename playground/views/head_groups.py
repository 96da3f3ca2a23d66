"""Query heads that share one key/value head, and how alike they look.

How alike two heads are is 1 minus the Jensen-Shannon divergence of their weights in
bits, the mean over queries: 1 for the same weights, 0 for weights that nowhere meet.
Heads of BERT were grouped by that divergence: https://arxiv.org/abs/1906.04341,
section 6. Sharing keys is grouped-query attention: https://arxiv.org/abs/2305.13245.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playground.models import Explained
from playground.models.places import place
from playground.views.explained_text import window_words
from playground.views.view import Table
from playground.views.window import counted

MOST_QUERIES = 128
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class HeadGroupsView:
    """How alike the query heads of a layer are.

    `num_key_value_heads` K: heads 0 to Q/K - 1 share the first key/value head, and so
    on. `likeness` f32 [Q, Q], in [0, 1], 1 on the diagonal: the mean over
    `num_queries` tokens, evenly taken from the text, each of which sees at least two.
    """

    layer: int
    num_key_value_heads: int
    num_tokens: int
    sliding_window: int
    num_queries: int
    likeness: Floats

    @property
    def group_size(self) -> int:
        """Query heads of one key/value head."""
        return len(self.likeness) // self.num_key_value_heads

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The query heads of each key/value head."""
        heads = np.arange(len(self.likeness)).reshape(self.num_key_value_heads, -1)
        return tuple(tuple(group) for group in heads.tolist())

    @property
    def within(self) -> tuple[float, ...]:
        """The mean likeness of two heads of each group; NaN for groups of one."""
        return tuple(
            _mean_of_pairs(self.likeness[np.ix_(group, group)]) for group in self.groups
        )

    @property
    def across(self) -> float:
        """The mean likeness of two heads of different groups; NaN for one group."""
        group = np.arange(len(self.likeness)) // self.group_size
        apart = group[:, None] != group
        return float(self.likeness[apart].mean()) if apart.any() else float("nan")

    @property
    def title(self) -> str:
        return f"Heads of layer {self.layer} that share keys and values"

    def words(self) -> str:
        heads, groups = len(self.likeness), self.num_key_value_heads
        over = (
            f"over {counted(self.num_queries, 'token')} under "
            f"{window_words(self.sliding_window, self.num_tokens)}"
        )
        if heads == 1:
            return f"Layer {self.layer} has one head, with keys and values of its own."
        if self.num_queries == 0:
            return f"No token sees more than one, so the {heads} heads are all alike."
        if self.group_size == 1:
            return (
                f"Each of the {heads} heads has keys and values of its own. Two of "
                f"them are {self.across:.2f} alike {over} (1 is the same, 0 nothing "
                "shared)."
            )
        inside = float(np.mean(self.within))
        beside = (
            "" if groups == 1 else f", and two of different groups {self.across:.2f}"
        )
        return (
            f"{heads} query heads share {counted(groups, 'key/value head')}, "
            f"{self.group_size} each. Two of a group are "
            f"{inside:.2f} alike{beside}, {over} (1 is the same, 0 nothing shared)."
        )

    def table(self) -> Table:
        """Each pair of heads once."""
        first, second = np.triu_indices(len(self.likeness), 1)
        shared = first // self.group_size == second // self.group_size
        return Table.of(
            {
                "head": first,
                "other head": second,
                "same key/value head": ["yes" if each else "no" for each in shared],
                "likeness": self.likeness[first, second],
            }
        )


def head_groups_view(explained: Explained, layer: int) -> HeadGroupsView:
    """How alike the heads of a layer are on this text.

    Raises ValueError for a layer that is not there.
    """
    layer = place("layer", layer, explained.num_layers)
    queries = _queries(len(explained), explained.sliding_window)
    heads = explained.num_query_heads
    likeness = np.ones((heads, heads), np.float32)
    if queries:
        likeness = _likeness(explained.attention_rows(layer, queries))
    return HeadGroupsView(
        layer=layer,
        num_key_value_heads=explained.num_key_value_heads,
        num_tokens=len(explained),
        sliding_window=explained.sliding_window,
        num_queries=len(queries),
        likeness=likeness,
    )


def _queries(length: int, window: int) -> list[int]:
    """Positions that see more than themselves, at most MOST_QUERIES."""
    if length < 2 or window < 2:
        return []
    count = min(length - 1, MOST_QUERIES)
    return [round(place) for place in np.linspace(1, length - 1, count)]


def _likeness(weights: Floats) -> Floats:
    """[Q, Q] of weights [Q, N, S]."""
    own = _entropy(weights)
    found = np.ones((len(weights), len(weights)), np.float32)
    for head, mine in enumerate(weights):
        others = slice(head + 1, None)
        mixed = _entropy((weights[others] + mine) / 2)
        divergence = mixed - (own[others] + own[head]) / 2
        found[head, others] = found[others, head] = 1 - divergence.mean(axis=1)
    return found.clip(0, 1)


def _entropy(weights: Floats) -> Floats:
    """In bits, over the last axis."""
    logs = np.log2(weights, out=np.zeros_like(weights), where=weights > 0)
    entropy: Floats = -np.einsum("...s,...s->...", weights, logs)
    return entropy


def _mean_of_pairs(likeness: Floats) -> float:
    pairs = likeness[np.triu_indices(len(likeness), 1)]
    return float(pairs.mean()) if pairs.size else float("nan")
