"""How far back a token depends on others, layer by layer.

Worked example: window 3, 2 layers, the token at 7.

    output of        positions that count
    layer 1          7
    layer 0          5 to 7, as layer 1 sees them
    the embedding    3 to 7, as layer 0 sees 3 from 5
"""

from dataclasses import dataclass

import numpy as np

from playground.models.places import place
from playground.views.view import Table
from playground.views.window import Window, counted


@dataclass(frozen=True, kw_only=True)
class ReachView:
    """The cone of positions that the token at `position` depends on.

    `first` [L + 1]: the first position after 0, 1, ... L layers back from the output.
    `num_tokens` is the text's length.
    """

    labels: tuple[str, ...]
    position: int
    window: Window
    first: np.ndarray

    @property
    def num_tokens(self) -> int:
        return len(self.labels)

    @property
    def levels(self) -> tuple[str, ...]:
        """What `first` is about: the last layer, ..., the first, the embedding."""
        layers = range(self.window.num_layers - 1, -1, -1)
        return (*(f"layer {layer}" for layer in layers), "the embedding")

    @property
    def layers_to_start(self) -> int | None:
        """Layers until the text's first token is reached; None: it never is."""
        reached = np.flatnonzero(self.first == 0)
        return int(reached[0]) if reached.size else None

    @property
    def title(self) -> str:
        label = self.labels[self.position]
        return f"How far back token {self.position:,} “{label}” reaches"

    def words(self) -> str:
        layers, size = self.window.num_layers, self.window.size
        told = [self.window.state(self.num_tokens)]
        if size is None or self.first[1] == 0:
            told.append(f"Token {self.position:,} sees all before it in every layer.")
            return " ".join(told)
        told.append(
            f"Token {self.position:,} sees {counted(size, 'token')} in a layer, itself "
            f"included, so each layer reaches {size - 1:,} further back: at most "
            f"{layers * (size - 1):,} through {counted(layers, 'layer')}."
        )
        start = self.layers_to_start
        if start is None:
            lost = counted(int(self.first[-1]), "token")
            told.append(f"The first {lost} cannot influence it.")
        else:
            told.append(f"The text's start is reached after {counted(start, 'layer')}.")
        return " ".join(told)

    def table(self) -> Table:
        return Table.of(
            {
                "output of": self.levels,
                "first position": self.first,
                "last position": np.full_like(self.first, self.position),
                "tokens": self.position - self.first + 1,
            }
        )


def reach_view(
    labels: tuple[str, ...], window: Window, position: int | None = None
) -> ReachView:
    """The reach of the token at `position`, or of the last one.

    Raises ValueError for a position that the text does not have.
    """
    last = len(labels) - 1
    position = place("position", last if position is None else position, len(labels))
    first = [
        window.first_seen(position, layers) for layers in range(window.num_layers + 1)
    ]
    return ReachView(
        labels=tuple(labels),
        position=position,
        window=window,
        first=np.array(first),
    )
