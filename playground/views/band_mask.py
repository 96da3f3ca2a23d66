"""Who sees whom in a text: the band that the window leaves of the causal triangle.

Worked example: 6 tokens, window 3, and what window 2 would hide (h).

    query 0   1
    query 1   1 1
    query 2   h 1 1
    query 3     h 1 1
    query 4       h 1 1
    query 5         h 1 1

Long texts are told in blocks: a block's number is a share of the pairs in it.
"""

from dataclasses import dataclass

import numpy as np

from playground.engine.chunks import CHUNKS, plan_chunks
from playground.models.places import whole
from playground.views.amounts import rough_percent
from playground.views.view import Cell, Table
from playground.views.window import Window, counted

MAX_BLOCKS = 192


@dataclass(frozen=True, kw_only=True)
class BandMaskView:
    """A text's attention mask in square blocks of `block` tokens.

    `full` [R, R] counts the pairs (query, key) of each block with the key not after the
    query, `seen` those that the window lets through, and `hidden` those of them that
    the window `shorter` would not. Queries below `num_prompt` are read in `chunks`
    (prefill; where each begins); the others are read one by one (decode).
    """

    labels: tuple[str, ...]
    num_prompt: int
    chunks: tuple[int, ...]
    window: Window
    shorter: int | None
    block: int
    full: np.ndarray
    seen: np.ndarray
    hidden: np.ndarray

    @property
    def num_tokens(self) -> int:
        return len(self.labels)

    @property
    def title(self) -> str:
        size = self.window.size
        name = "no window" if size is None else f"a window of {size:,}"
        return f"Which tokens see which, with {name}"

    def words(self) -> str:
        full, seen, hidden = (int(a.sum()) for a in (self.full, self.seen, self.hidden))
        decode = self.num_tokens - self.num_prompt
        told = [
            self.window.state(self.num_tokens),
            f"Of {full:,} pairs of a token and one not after it, {seen:,} are seen "
            f"({rough_percent(seen / full)}).",
            f"{counted(self.num_prompt, 'token')} of the prompt "
            f"{'is' if self.num_prompt == 1 else 'are'} read in "
            f"{counted(len(self.chunks), 'chunk')}, {counted(decode, 'token')} of the "
            "answer one by one.",
        ]
        if self.shorter is not None:
            told.append(
                f"A window of {self.shorter:,} would hide {hidden:,} more "
                f"({rough_percent(hidden / seen)} of what is seen)."
            )
        return " ".join(told)

    def table(self) -> Table:
        columns = [
            "first query",
            "last query",
            "phase",
            "first key seen",
            "keys seen by the last",
        ]
        if self.shorter is not None:
            columns.append(f"hidden by a window of {self.shorter}")
        rows: list[tuple[Cell, ...]] = []
        for first in range(0, self.num_tokens, self.block):
            last = min(first + self.block, self.num_tokens) - 1
            phase = "prefill" if first < self.num_prompt else "decode"
            lowest = self.window.first_seen(first)
            seen = last - self.window.first_seen(last) + 1
            row: list[Cell] = [first, last, phase, lowest, seen]
            if self.shorter is not None:
                row.append(int(self.hidden[first // self.block].sum()))
            rows.append(tuple(row))
        return Table(columns=tuple(columns), rows=tuple(rows))


def band_mask_view(
    labels: tuple[str, ...],
    num_prompt: int,
    window: Window,
    *,
    shorter: int | None = None,
    chunks: tuple[int, int] = CHUNKS,
    max_blocks: int = MAX_BLOCKS,
) -> BandMaskView:
    """The mask of a text, in at most `max_blocks` blocks a side.

    `chunks` are the sizes in which the model's `Programs` read a prompt. Raises
    ValueError for an empty text, or a `shorter` window that is not shorter.
    """
    num_tokens, num_prompt = len(labels), whole("num_prompt", num_prompt, 0)
    if not num_tokens or not 0 <= num_prompt <= num_tokens:
        raise ValueError(
            f"A mask needs a text whose prompt is part of it, got {num_tokens} tokens "
            f"with a prompt of {num_prompt}."
        )
    if shorter is not None:
        most = "" if window.size is None else f"from 1 to {window.size:,} tokens"
        shorter = whole("shorter", shorter, 1, window.size, expected=most)
    block = -(-num_tokens // whole("max_blocks", max_blocks, 1))
    seen = _pairs(num_tokens, block, window.size)
    left = seen if shorter is None else _pairs(num_tokens, block, shorter)
    return BandMaskView(
        labels=tuple(labels),
        num_prompt=num_prompt,
        chunks=tuple(chunk.start for chunk in plan_chunks(num_prompt, chunks)),
        window=window,
        shorter=shorter,
        block=block,
        full=_pairs(num_tokens, block, None),
        seen=seen,
        hidden=seen - left,
    )


def _pairs(num_tokens: int, block: int, window: int | None) -> np.ndarray:
    """How many pairs each block has that a window lets through, [R, R].

    Row by row it is the overlap of what the query sees with the block's keys, so a long
    text needs no mask of its own size.
    """
    query = np.arange(num_tokens)[:, None]
    first = np.arange(0, num_tokens, block)
    seen_from = 0 if window is None else np.maximum(0, query - window + 1)
    upper = np.minimum(query + 1, first + block)
    counts = np.maximum(0, upper - np.maximum(seen_from, first))
    return np.add.reduceat(counts, first, axis=0)
