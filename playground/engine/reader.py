"""One text on its way through the model: its cache, its position, its clock.

All ways of choosing tokens share this: reading the prompt, reading the next token of
every row, and the words at the end.
"""

import weakref
from collections.abc import Generator, Iterator
from typing import Any

import jax
import numpy as np

from playground.engine.chunks import plan_chunks
from playground.engine.clock import Clock
from playground.engine.events import (
    Compiling,
    Event,
    Finished,
    FinishReason,
    PrefillProgress,
)
from playground.engine.kept_texts import KeptText
from playground.engine.kv_cache import KVCache
from playground.engine.programs import Programs
from playground.engine.request import Request
from playground.system.progress import Stopped, never

_LIMIT = "a run may take {:g} seconds here"


class Reader:
    """Reads the tokens of one run into a cache of its own."""

    def __init__(
        self,
        programs: Programs,
        request: Request,
        cancelled: Stopped = never,
        kept: KeptText | None = None,
    ) -> None:
        self.programs = programs
        self.request = request
        self._cancelled = cancelled
        self.clock = Clock(programs)
        self.weights = programs.weights()
        self.window = programs.window(request.sliding_window)
        self.cache: KVCache | None = None
        self.made: list[int] = []
        """The new tokens so far."""
        self.reused = 0
        """Tokens of the prompt that a kept text had read already."""
        self._kept = kept
        self._written = 0
        self._end = 0
        self._logits: jax.Array | None = None
        self.hidden: list[np.ndarray] = []
        """The prompt's hidden states [T, hidden_dim], chunk by chunk, if kept."""

    def interrupted(self) -> FinishReason | None:
        """Why the run must end now, though its text is not at its end."""
        limit = self.request.max_seconds
        if self._cancelled():
            return "cancelled"
        return "time" if limit is not None and self.clock.seconds > limit else None

    def prefill(
        self, keep_hidden: bool = False
    ) -> Generator[Event, None, jax.Array | None]:
        """Read the prompt; returns the logits [1, V] after it.

        None if the run was interrupted: the last event says so.
        """
        prompt = self.request.token_ids
        if not keep_hidden:
            self._reuse()
        logits = self._logits
        if self.reused:
            yield PrefillProgress(done=self.reused, total=len(prompt))
        for chunk in plan_chunks(len(prompt), self.programs.chunks, self.reused):
            if reason := self.interrupted():
                yield self.finished(reason)
                return None
            yield from self.make_room(chunk.start, chunk.size)
            tokens = np.zeros(chunk.size, np.int32)
            tokens[: chunk.count] = prompt[chunk.start : chunk.start + chunk.count]
            logits, hidden = self.read(tokens, chunk.start, chunk.count)
            if keep_hidden:
                # On the host: JAX would build a program for each count.
                self.hidden.append(np.asarray(hidden)[0, : chunk.count])
            logits.block_until_ready()  # or progress and Stop would run ahead
            self.clock.lap("prefill")
            yield PrefillProgress(done=chunk.start + chunk.count, total=len(prompt))
        self._logits = logits
        return logits

    def _reuse(self) -> None:
        """Go on from the kept text, as far as it is the same."""
        kept, prompt = self._kept, self.request.token_ids
        self._kept = None
        if kept is None:
            return
        self.reused = kept.shared_with(prompt, self.window, self.weights)
        if self.reused:
            self.cache, self._written = kept.cache, kept.written
            self._end = self.reused
        if self.reused == len(prompt):
            self._logits = kept.logits

    def text_to_keep(self) -> KeptText | None:
        """What the next run may go on from; None before the prompt is read.

        A search has a cache for each of its rows, which no other run can use.
        """
        if self.cache is None or self.cache.rows > 1 or self._logits is None:
            return None
        prompt = self.request.token_ids
        return KeptText(
            token_ids=(*prompt, *self.made)[: self._end],
            cache=self.cache,
            plan=self.programs.rings,
            written=self._written,
            window=self.window,
            weights=[weakref.ref(weight) for weight in self.weights],
            logits=self._logits,
            num_read=len(prompt),
        )

    def make_room(self, start: int, size: int) -> Iterator[Event]:
        """Make the ring large enough, and say so if that shape must be compiled."""
        slots = self.programs.slots_for(start + size, self.window)
        if self.cache is None:
            self.cache = self.programs.empty_cache(slots)
        slots = max(slots, self.cache.num_slots)
        if self.programs.is_new(self.weights, size, slots, self.cache.rows):
            kind = "reading" if size > 1 else "generating"
            yield Compiling(program=f"{kind}, texts up to {slots} tokens")
        if slots > self.cache.num_slots:
            self.cache = self.programs.grow(self.cache, slots)

    def read(
        self, tokens: Any, start: int, count: int = 1
    ) -> tuple[jax.Array, jax.Array]:
        """Logits [B, V] and hidden states [B, T, hidden_dim] of tokens [B * T]."""
        assert self.cache is not None, "make_room comes first"
        self.note(start, tokens.size // self.cache.rows, count)
        logits, hidden, self.cache = self.programs.forward(
            self.weights, self.cache, tokens, start, count, self.window
        )
        return logits, hidden

    def stop(self) -> tuple[int, ...]:
        """The stop that the answer ends with, () if with none."""
        return self.request.stop_at_end(self.made)

    def note(self, start: int, size: int, count: int) -> None:
        """Remember that `count` tokens from `start` were read, padded to `size`."""
        self._end = start + count
        self._written = max(self._written, start + size)

    def finished(
        self, reason: FinishReason, stopped_by: tuple[int, ...] = ()
    ) -> Finished:
        return Finished(
            reason=reason,
            stopped_by=stopped_by,
            message=_LIMIT.format(self.request.max_seconds) if reason == "time" else "",
            timings=self.clock.timings(),
            compilations=self.clock.compilations(),
            reused_tokens=self.reused,
            left_out_tokens=self.request.left_out_tokens,
        )


def require_usable(usable: bool) -> None:
    """Raises FloatingPointError unless the model gave probabilities."""
    if not usable:
        raise FloatingPointError(
            "The model gave no usable probabilities (NaN or all -inf)."
        )
