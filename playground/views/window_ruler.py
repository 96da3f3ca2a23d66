"""Which tokens of a text the next token can see: directly, through layers, not at all.

The next token is predicted from the last one of the text, so what that one sees counts.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from playground.models.places import whole
from playground.views.view import Table
from playground.views.window import OUT_OF_REACH, Window, counted, span

HOW = ("not at all", "through layers", "directly")


@dataclass(frozen=True, kw_only=True)
class RulerView:
    """A text under its window, as seen from its end.

    The first `num_prompt` of the `labels` are the prompt, the rest the answer.
    """

    labels: tuple[str, ...]
    num_prompt: int
    window: Window

    @property
    def num_tokens(self) -> int:
        return len(self.labels)

    @cached_property
    def layers(self) -> np.ndarray:
        """Layers that each token needs to get to the end, OUT_OF_REACH or [1, L]."""
        return self.window.layers_between(self.num_tokens - 1)

    @cached_property
    def zones(self) -> np.ndarray:
        """For each token the index into HOW."""
        return np.where(self.layers == OUT_OF_REACH, 0, np.where(self.layers > 1, 1, 2))

    @property
    def first_direct(self) -> int:
        return self.window.first_seen(self.num_tokens - 1)

    @property
    def first_reached(self) -> int:
        return self.window.first_seen(self.num_tokens - 1, self.window.num_layers)

    def part(self, position: int) -> str:
        return "prompt" if position < self.num_prompt else "answer"

    title = "What the next token can see"

    def words(self) -> str:
        last = self.num_tokens - 1
        told = [self.window.state(self.num_tokens)]
        if self.first_direct == 0:
            told.append(f"The next token sees all {counted(last + 1, 'token')}.")
            return " ".join(told)
        direct, reached = self.first_direct, self.first_reached
        seen = counted(last + 1 - direct, "token")
        told.append(
            f"The next token sees {seen} directly (positions {span(direct, last)})"
        )
        if reached < direct:
            where = span(reached, direct - 1)
            told[-1] += f", {direct - reached:,} only through layers ({where})"
        if reached:
            lost = counted(reached, "token")
            told[-1] += f", and {lost} not at all ({span(0, reached - 1)})"
        return " ".join(told) + "."

    def table(self) -> Table:
        return Table.of(
            {
                "position": range(self.num_tokens),
                "token": self.labels,
                "part": map(self.part, range(self.num_tokens)),
                "seen by the next token": [HOW[zone] for zone in self.zones],
                "layers needed": [int(layers) or "" for layers in self.layers],
            }
        )


def ruler_view(labels: tuple[str, ...], num_prompt: int, window: Window) -> RulerView:
    """A text and its window. Raises ValueError for an empty text."""
    num_prompt = whole("num_prompt", num_prompt, 0)
    if not labels or not 0 <= num_prompt <= len(labels):
        raise ValueError(
            f"A ruler needs a text whose prompt is part of it, got {len(labels)} "
            f"tokens with a prompt of {num_prompt}."
        )
    return RulerView(labels=tuple(labels), num_prompt=num_prompt, window=window)
