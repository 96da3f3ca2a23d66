"""What a sliding window lets a token see: in one layer, and through several.

A token sees itself and the W - 1 tokens before it. What it sees has itself seen W - 1
further in the layer below, so through L layers a token depends on at most L * (W - 1)
tokens before it (https://arxiv.org/abs/2310.06825, section 2).

Worked example: window 3, 2 layers, the token at 7.

    position          0  1  2  3  4  5  6  7
    layers it takes   -  -  -  2  2  1  1  1     - : it never gets there
"""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from playground.models.places import whole

OUT_OF_REACH = 0


@dataclass(frozen=True, kw_only=True)
class Window:
    """The window of one run over a model's layers.

    `size` counts the tokens that a token sees, itself included; None: all before it.
    `own` is the model's own window, None if it has none. Where layers differ both are
    those of the widest, and `of_layers` has the window of each, None for all tokens.
    Raises ValueError unless sizes are positive.
    """

    size: int | None
    num_layers: int
    own: int | None = None
    of_layers: tuple[int | None, ...] = ()

    def __post_init__(self) -> None:
        if self.size is not None:
            whole("sliding_window", self.size, 1, expected="at least 1 token")
        whole("num_layers", self.num_layers, 1, expected="at least 1 layer")

    def first_seen(self, position: int, layers: int = 1) -> int:
        """The first position that the token at `position` depends on after `layers`."""
        if self.size is None:
            return 0 if layers else position
        return max(0, position - layers * (self.size - 1))

    def layers_between(self, position: int) -> np.ndarray:
        """Layers until each of the tokens 0 to `position` gets there, [position + 1].

        1 is seen directly; OUT_OF_REACH is farther than the model has layers.
        """
        distance = np.arange(position, -1, -1)
        if self.size is None:
            return np.ones_like(distance)
        step = max(self.size - 1, 1)
        layers = np.maximum(1, -(-distance // step))
        reached = distance <= self.num_layers * (self.size - 1)
        return np.where(reached, layers, OUT_OF_REACH)

    def state(self, num_tokens: int) -> str:
        """Whether it changes anything for a text of this length, in a sentence."""
        return self._state(num_tokens) + self._where_layers_differ()

    def _where_layers_differ(self) -> str:
        kinds = Counter(self.of_layers)
        if len(kinds) < 2:
            return ""
        told = (
            f"{counted(number, 'layer')} {'see' if number > 1 else 'sees'} "
            f"{'all' if window is None else counted(window, 'token')}"
            for window, number in kinds.items()
        )
        return f" Layers differ: {', '.join(told)}."

    def _state(self, num_tokens: int) -> str:
        if self.size is None:
            return "There is no window: each token sees all before it."
        own = "none" if self.own is None else f"{self.own:,}"
        whose = "" if self.size == self.own else f" (the model's own: {own})"
        if num_tokens <= self.size:
            of = f"{num_tokens:,} of {counted(self.size, 'token')}"
            return f"The window holds the whole text: {of}{whose}."
        return (
            f"The window is shorter than the text: {self.size:,} of "
            f"{counted(num_tokens, 'token')}{whose}."
        )


class _Layers(Protocol):
    num_layers: int
    layer_windows: list[int | None]

    @property
    def widest_window(self) -> int | None: ...


def window_of(backbone: _Layers, wanted: int | None = None) -> Window:
    """The window of a run on this model: the one that was asked for, or its own."""
    own = backbone.widest_window
    if wanted is not None:
        wanted = whole("sliding_window", wanted, 1, expected="at least 1 token")
    return Window(
        size=own if wanted is None else wanted,
        num_layers=backbone.num_layers,
        own=own,
        of_layers=tuple(
            each if wanted is None else min(wanted, each or wanted)
            for each in backbone.layer_windows
        ),
    )


def counted(number: int, noun: str) -> str:
    """`1 token`, `4,096 tokens`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def span(first: int, last: int) -> str:
    """`3`, `3 and 4` or `3 to 7`."""
    if first == last:
        return f"{first:,}"
    return f"{first:,} {'and' if last == first + 1 else 'to'} {last:,}"
