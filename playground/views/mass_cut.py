"""What the window hides: attention that would go further back if it could.

The same queries and keys of one layer, without the window, would give some of their
attention to keys that lie outside of it. That much is cut. Only the layer that is
looked at is without its window; what it is given was read under it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playground.models import Explained
from playground.models.places import places
from playground.views.amounts import percent
from playground.views.explained_text import NOBODY, Waiting, check_labels, window_words
from playground.views.view import Table
from playground.views.window import counted

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class MassCutView:
    """The probability that full attention would put outside of the window.

    `mass` f32 [L, Q, T], in [0, 1]: of the looked-at layers `layers`, of each query
    head, at each position; 0 at the first `sliding_window` ones, which see everything.
    """

    layers: tuple[int, ...]
    labels: tuple[str, ...]
    sliding_window: int
    mass: Floats

    @property
    def hides(self) -> bool:
        """Whether any token is further back than the window."""
        return self.sliding_window < len(self.labels)

    @property
    def by_head(self) -> Floats:
        """The mean [L, Q] over the positions that do not see everything."""
        if not self.hides:
            return np.zeros(self.mass.shape[:2], np.float32)
        mean: Floats = self.mass[:, :, self.sliding_window :].mean(axis=2)
        return mean

    @property
    def by_position(self) -> Floats:
        """The mean [T] over layers and heads."""
        mean: Floats = self.mass.mean(axis=(0, 1))
        return mean

    title = "Attention cut by the window"

    def words(self) -> str:
        window = window_words(self.sliding_window, len(self.labels))
        if not self.hides:
            return (
                f"{counted(len(self.labels), 'token')} under {window}: nothing is cut, "
                "as every token sees all tokens before it."
            )
        heads = self.by_head
        layer, head = np.unravel_index(heads.argmax(), heads.shape)
        where = int(self.by_position.argmax())
        return (
            f"Under {window}, full attention would put {percent(float(heads.mean()))} "
            f"of its weight outside, over {counted(heads.size, 'head')} and the "
            f"positions from {self.sliding_window}. Head {head} of layer "
            f"{self.layers[layer]} loses most, "
            f"{percent(float(heads[layer, head]))}; over all heads, token "
            f"{where} “{self.labels[where]}” does, "
            f"{percent(float(self.by_position[where]))}."
        )

    def table(self) -> Table:
        """Each head's mean, and the position where it loses most."""
        layers, heads = np.indices(self.mass.shape[:2]).reshape(2, -1)
        where = self.mass.argmax(axis=2).ravel()
        return Table.of(
            {
                "layer": [self.layers[layer] for layer in layers],
                "head": heads,
                "mean share cut": self.by_head.ravel(),
                "largest": self.mass.max(axis=2).ravel(),
                "at": where,
                "token": [self.labels[position] for position in where],
            }
        )


def mass_cut_view(
    explained: Explained,
    layers: Sequence[int],
    labels: Sequence[str],
    waiting: Waiting = NOBODY,
) -> MassCutView:
    """What the window cuts in some layers. Raises ValueError, ExplainStopped."""
    check_labels(explained, labels)
    layers = places("layers", layers, explained.num_layers)
    shape = (len(layers), explained.num_query_heads, len(explained))
    mass = np.zeros(shape, np.float32)
    if explained.sliding_window < len(explained):
        for i, layer in enumerate(waiting.layer_by_layer(layers)):
            for block in explained.attention_blocks(layer, full=True):
                distance = block.queries[:, None] - block.keys
                outside = (distance >= explained.sliding_window).astype(np.float32)
                mass[i, :, block.queries] = np.einsum(
                    "qnm,nm->nq", block.weights, outside
                )
    return MassCutView(
        layers=tuple(layers),
        labels=tuple(labels),
        sliding_window=explained.sliding_window,
        mass=mass,
    )
