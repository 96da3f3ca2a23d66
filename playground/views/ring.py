"""The engine's cache over a run: which position each slot holds, and what was lost.

Position p lies in slot p % S. Worked example: window 3, chunks of at most 2, so a ring
of 3 + 2 - 1 = 4 slots; a prompt of 3 tokens, then two tokens of the answer.

    read         slots hold       overwritten so far
    0 and 1      [0, 1, -, -]
    2            [0, 1, 2, -]
    3            [0, 1, 2, 3]
    4            [4, 1, 2, 3]     0

Sizes and chunks are the engine's own; a short text has a ring that grows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from playground.engine.chunks import CHUNKS, Chunk, plan_chunks
from playground.engine.kv_cache import EMPTY
from playground.models.places import whole
from playground.views.view import Cell, Table
from playground.views.window import counted, span

NO_SLOT = -2
"""In a moment when the ring is still shorter."""
MAX_MOMENTS = 64


@dataclass(frozen=True, kw_only=True)
class RingView:
    """A cache at some moments of a run, the last one at its end.

    `read` [M]: tokens read so far. `held` [M, S]: the position in each slot, EMPTY or
    NO_SLOT. The window (tokens) is the engine's, at most the context.
    """

    labels: tuple[str, ...]
    num_prompt: int
    window: int
    read: np.ndarray
    held: np.ndarray

    @property
    def num_slots(self) -> int:
        return self.now.size

    @property
    def num_read(self) -> int:
        return len(self.labels)

    @property
    def now(self) -> np.ndarray:
        """The position in each slot at the end, [S]."""
        held: np.ndarray = self.held[-1]
        return held

    @property
    def seen(self) -> np.ndarray:
        """Which slots the last token read sees, bool [S]."""
        now = self.now
        return (now >= 0) & (self.num_read - 1 - now < self.window)

    @property
    def num_overwritten(self) -> int:
        return self.num_read - int((self.now >= 0).sum())

    @property
    def title(self) -> str:
        return f"The cache: a ring of {counted(self.num_slots, 'slot')}"

    def words(self) -> str:
        held = np.sort(self.now[self.now >= 0])
        told = [
            f"{counted(self.num_read, 'token')} {_was(self.num_read)} read; the ring "
            f"of {counted(self.num_slots, 'slot')} holds positions "
            f"{span(int(held[0]), int(held[-1]))}, and position p lies in slot "
            f"p mod {self.num_slots:,}.",
            f"The last token sees {int(self.seen.sum()):,} of them.",
        ]
        if self.num_overwritten:
            gone = span(0, int(held[0]) - 1)
            lost = self.num_overwritten
            told.append(f"{lost:,} {_was(lost)} overwritten ({gone}).")
        else:
            told.append("Nothing was overwritten yet.")
        return " ".join(told)

    def table(self) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for slot, (position, seen) in enumerate(zip(self.now, self.seen, strict=True)):
            if position < 0:
                rows.append((slot, "", "", "empty", ""))
                continue
            lost = span_of_lost(slot, int(position), self.num_slots)
            state = "seen" if seen else "out of the window"
            rows.append((slot, int(position), self.labels[position], state, lost))
        columns = ("slot", "position", "token", "for the last token", "held before")
        return Table(columns=columns, rows=tuple(rows))


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def span_of_lost(slot: int, position: int, num_slots: int) -> str:
    """The positions that lay in this slot before, as text."""
    before = range(slot, position, num_slots)
    shown = ", ".join(f"{each:,}" for each in before[-3:])
    return f"…, {shown}" if len(before) > 3 else shown


def ring_view(
    labels: tuple[str, ...],
    num_prompt: int,
    window: int,
    slots_for: Callable[[int, int], int],
    *,
    chunks: tuple[int, int] = CHUNKS,
    max_moments: int = MAX_MOMENTS,
) -> RingView:
    """The ring while a prompt is read from its start, and then one token at a time.

    `labels` are the tokens that were read; the last one that was drawn is not, unless
    the run went on. `slots_for` and `chunks` are those of the model's `Programs`, and
    the window is what its `window` gives. Raises ValueError for an empty text.
    """
    num_read, num_prompt = len(labels), whole("num_prompt", num_prompt, 0)
    window, max_moments = (
        whole("window", window, 1),
        whole("max_moments", max_moments, 1),
    )
    if not 1 <= num_prompt <= num_read:
        raise ValueError(
            f"A ring needs a prompt that was read, got {num_read} tokens with a prompt "
            f"of {num_prompt}."
        )
    steps = list(_steps(num_prompt, num_read, chunks))
    kept = _some(len(steps), max_moments)
    positions, moments = np.full(0, EMPTY), []
    for number, step in enumerate(steps):
        positions = write(positions, step, slots_for(step.start + step.size, window))
        if number in kept:
            moments.append((step.start + step.count, positions.copy()))
    held = np.full((len(moments), positions.size), NO_SLOT)
    for row, (_, content) in enumerate(moments):
        held[row, : content.size] = content
    return RingView(
        labels=tuple(labels),
        num_prompt=num_prompt,
        window=window,
        read=np.array([end for end, _ in moments]),
        held=held,
    )


def write(positions: np.ndarray, step: Chunk, num_slots: int) -> np.ndarray:
    """The ring's positions after a chunk is written; it grows to `num_slots` before.

    It is `kv_cache.grow` and `kv_cache.place` of one row, on the host.
    """
    more = max(0, num_slots - positions.size)
    positions = np.pad(positions, (0, more), constant_values=EMPTY)
    new = step.start + np.arange(step.size)
    real = np.arange(step.size) < step.count
    positions[new % positions.size] = np.where(real, new, EMPTY)
    return positions


def _steps(num_prompt: int, num_read: int, chunks: tuple[int, int]) -> Iterator[Chunk]:
    """What the engine reads, in order: the prompt's chunks, then token by token."""
    yield from plan_chunks(num_prompt, chunks)
    yield from (Chunk(position, 1, 1) for position in range(num_prompt, num_read))


def _some(number: int, most: int) -> set[int]:
    """At most `most` of 0 ... number - 1, evenly spread, the last among them."""
    spread = np.linspace(number - 1, 0, min(number, most))
    return {round(at) for at in spread}
