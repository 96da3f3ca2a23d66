"""The same text under other windows: what is predicted worse, and what is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playground.models import Explained, divergence, text_numbers
from playground.models.places import whole
from playground.views.amounts import bits
from playground.views.explained_text import NOBODY, Waiting, check_labels
from playground.views.view import Cell, Table

SMALLEST = 8
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class WhatIfView:
    """A text of T tokens under W windows.

    `windows`: tokens that a token sees, narrowest first; `own` is the one of the run,
    the others are measured against. T stands for no window.
    `surprisal` f32 [W, T - 1]: of tokens 1 to T - 1, in nats. `divergence` f32 [W, T]:
    KL(own || window) of what would come after each token, in nats; 0 for `own`.
    `greedy`: window -> the tokens that greedy search writes; may lack some or all.
    """

    windows: tuple[int, ...]
    own: int
    labels: tuple[str, ...]
    surprisal: Floats
    divergence: Floats
    greedy: Mapping[int, tuple[int, ...]]

    @property
    def loss(self) -> Floats:
        """The mean surprisal under each window [W], in nats a token; NaN for T = 1."""
        if not self.surprisal.size:
            return np.full(len(self.windows), np.nan, np.float32)
        mean: Floats = self.surprisal.mean(axis=1)
        return mean

    @property
    def mean_divergence(self) -> Floats:
        """The mean over the text [W], in nats."""
        mean: Floats = self.divergence.mean(axis=1)
        return mean

    @property
    def first_difference(self) -> tuple[int | None, ...]:
        """Of each window's greedy text, the first new token unlike the own one's.

        It counts from 0; None where all are the same, or one of the two is not known.
        """
        mine = self.greedy.get(self.own)
        return tuple(
            None if mine is None else first_difference(mine, self.greedy.get(window))
            for window in self.windows
        )

    title = "The same text under other windows"

    def words(self) -> str:
        narrow, own = 0, self.windows.index(self.own)
        if len(self.labels) == 1:
            return "One token under any window: nothing before it predicts it."
        loss, changed = bits(self.loss), bits(self.mean_divergence[narrow])
        told = (
            f"{len(self.labels)} tokens under windows from {self.windows[0]} to "
            f"{self._name(self.windows[-1])}. With {self._name(self.own)}, the run's "
            f"own, those after the first have {loss[own]:.2f} bits of surprisal each, "
            f"with {self._name(self.windows[narrow])} {loss[narrow]:.2f}; what would "
            f"come next then differs by {changed:.2f} bits."
        )
        same = [
            window
            for window, differs in zip(self.windows, self.first_difference, strict=True)
            if differs is None and window in self.greedy
        ]
        if self.own not in self.greedy or len(self.greedy) < 2:
            return told
        return (
            f"{told} Greedy search writes the same under {len(same) - 1} of the "
            f"{len(self.greedy) - 1} other windows."
        )

    def table(self) -> Table:
        """A row for each window."""
        loss = bits(self.loss)
        return Table.of(
            {
                "window": self.windows,
                "surprisal (bits a token)": loss,
                "more than own (bits)": loss - loss[self.windows.index(self.own)],
                "change of next token (bits)": bits(self.mean_divergence),
                "first other greedy token": map(
                    self._greedy_cell, self.windows, self.first_difference
                ),
            }
        )

    def _name(self, window: int) -> str:
        return f"{window} (all)" if window >= len(self.labels) else str(window)

    def _greedy_cell(self, window: int, differs: int | None) -> Cell:
        if window not in self.greedy or self.own not in self.greedy:
            return "-"
        return "none" if differs is None else differs


def windows_to_try(num_tokens: int, own: int) -> tuple[int, ...]:
    """8, 16, 32, ... as far as they bind, the run's own, and the whole text.

    >>> windows_to_try(100, own=24)
    (8, 16, 24, 32, 64, 100)
    """
    num_tokens, own = whole("num_tokens", num_tokens, 1), whole("own", own, 1)
    windows = {min(own, num_tokens), num_tokens}
    size = SMALLEST
    while size < num_tokens:
        windows.add(size)
        size *= 2
    return tuple(sorted(windows))


def windows_tried(
    windows: Sequence[int] | None, num_tokens: int, own: int
) -> list[int]:
    """The run's own and these, or `windows_to_try`; none beyond the whole text.

    Raises ValueError unless they are whole numbers from 1.

    >>> windows_tried([4, 99, 4], num_tokens=10, own=6)
    [4, 6, 10]
    """
    if windows is None:
        windows = windows_to_try(num_tokens, own)
    checked = (whole("windows", window, 1) for window in windows)
    return sorted({own, *(min(window, num_tokens) for window in checked)})


def first_difference(own: Sequence[int], other: Sequence[int] | None) -> int | None:
    """Where two texts part, from 0; where one ends and the other goes on, that too."""
    if other is None or tuple(own) == tuple(other):
        return None
    shared = min(len(own), len(other))
    differ = [i for i in range(shared) if own[i] != other[i]]
    return differ[0] if differ else shared


def what_if_view(
    explained: Explained,
    labels: Sequence[str],
    windows: Sequence[int] | None = None,
    greedy: Mapping[int, Sequence[int]] | None = None,
    waiting: Waiting = NOBODY,
) -> WhatIfView:
    """The text that was explained under other windows, its own among them.

    Args:
        windows: from 1; None for `windows_to_try`. One that is not shorter than the
            text is the whole text.
        greedy: what greedy search wrote after the prompt, under each window.

    The text is read again under each window. Raises ValueError, ExplainStopped.
    """
    check_labels(explained, labels)
    length, own = len(explained), explained.sliding_window
    tried = windows_tried(windows, length, own)
    surprisal, changed = [], []
    for done, window in enumerate(tried):

        def report(message: str, part: float | None, done: int = done) -> None:
            waiting.progress(
                f"Window {tried[done]}: {message}", (done + (part or 0)) / len(tried)
            )

        other = explained
        if window != own:
            other = explained.under(window, report, waiting.stopped)
        surprisal.append(text_numbers(other).surprisal)
        changed.append(divergence(explained, other))
    return WhatIfView(
        windows=tuple(tried),
        own=own,
        labels=tuple(labels),
        surprisal=np.stack(surprisal),
        divergence=np.stack(changed),
        greedy={
            min(window, length): tuple(text) for window, text in (greedy or {}).items()
        },
    )
