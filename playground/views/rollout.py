"""Attention rollout: from which tokens a position is put together, over all layers.

In each layer a token is taken to be half itself, by the residual, and half what its
heads attend to, the mean over heads: A' = (A + I) / 2. Rolled out to layer l, position
p is made of the tokens by row p of A'_l ... A'_0 (https://arxiv.org/abs/2005.00928).
Under a window of W, l + 1 layers reach (l + 1)(W - 1) tokens back and not further.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playground.models import Explained
from playground.models.places import place
from playground.views.amounts import percent
from playground.views.explained_text import NOBODY, Waiting, check_labels, window_words
from playground.views.view import Table
from playground.views.window import counted

Floats = NDArray[np.float32]
SHOWN = 0.005  # the smallest share in the table


@dataclass(frozen=True, kw_only=True)
class RolloutView:
    """What the token at `position` is made of, layer after layer.

    `shares` f32 [L, T]: after layer l, which share of it comes from each token; rows
    sum to 1, and are 0 after the position and where the window does not reach.
    """

    position: int
    labels: tuple[str, ...]
    sliding_window: int
    shares: Floats

    @property
    def first_seen(self) -> int:
        """The first position that the window shows to `position` directly."""
        return max(0, self.position - self.sliding_window + 1)

    @property
    def beyond(self) -> Floats:
        """After each layer [L], the share from tokens outside of its own window."""
        beyond: Floats = self.shares[:, : self.first_seen].sum(axis=1)
        return beyond

    @property
    def title(self) -> str:
        label = self.labels[self.position]
        return f"Attention rollout of token {self.position} “{label}”"

    def words(self) -> str:
        last = self.shares[-1].copy()
        itself = float(last[self.position])
        last[self.position] = 0
        most = int(last.argmax())
        window = window_words(self.sliding_window, len(self.labels))
        told = (
            f"Rolled out over {counted(len(self.shares), 'layer')} under {window}, "
            f"token {self.position} “{self.labels[self.position]}” is "
            f"{percent(itself)} itself"
        )
        if last[most] > 0:
            told += (
                f" and {percent(float(last[most]))} token {most} “{self.labels[most]}”"
            )
        if self.first_seen == 0:
            return f"{told}. It sees all tokens before it directly."
        return (
            f"{told}. {percent(float(self.beyond[-1]))} comes from tokens before "
            f"{self.first_seen}, which it cannot see directly."
        )

    def table(self) -> Table:
        """Shares of at least 0.5%."""
        layers, positions = np.nonzero(self.shares >= SHOWN)
        return Table.of(
            {
                "layer": layers,
                "position": positions,
                "token": [self.labels[position] for position in positions],
                "share": self.shares[layers, positions],
            }
        )


def rollout_view(
    explained: Explained,
    position: int,
    labels: Sequence[str],
    waiting: Waiting = NOBODY,
) -> RolloutView:
    """The rollout of one position after each layer. Raises ValueError, ExplainStopped.

    Rows are rolled back from the last layer to the first, all that have begun at once,
    so only one layer's weights are looked at at a time.
    """
    check_labels(explained, labels)
    position = place("position", position, len(explained))
    layers = range(explained.num_layers)
    shares = np.zeros((len(layers), len(explained)), np.float32)
    shares[:, position] = 1
    for layer in waiting.layer_by_layer(layers[::-1]):
        shares[layer:] = _rolled_back(explained, layer, shares[layer:])
    return RolloutView(
        position=position,
        labels=tuple(labels),
        sliding_window=explained.sliding_window,
        shares=shares,
    )


def _rolled_back(explained: Explained, layer: int, shares: Floats) -> Floats:
    """Shares [n, T] of a layer's outputs as shares of its inputs."""
    half = np.float32(0.5)
    before = shares * half
    for block in explained.attention_blocks(layer):
        some = shares[:, block.queries]
        if some.any():
            before[:, block.keys] += some @ (block.weights.mean(axis=0) * half)
    return before
