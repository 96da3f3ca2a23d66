"""The one loop that makes tokens: read the prompt in chunks, then token by token.

It is a generator, so whoever iterates sets the pace, and closing it ends the run. It
knows tokens only; text is made of them elsewhere.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from playground.engine.compilation import compilations
from playground.engine.events import (
    Compiling,
    Event,
    Finished,
    PrefillProgress,
    Step,
    Timings,
)
from playground.engine.kv_cache import KVCache
from playground.engine.programs import Programs, plan_chunks
from playground.samplers import Sampler, SamplerValues, encode


@dataclass(frozen=True, kw_only=True)
class Request:
    """One run, in the engine's terms.

    `token_ids` is the prompt, at least one token. `max_new_tokens` is from 0;
    `sliding_window` None means the model's own. `chooser` is a person's own sampler,
    asked instead of the compiled one.
    """

    token_ids: tuple[int, ...]
    max_new_tokens: int
    sampler: SamplerValues
    seed: int
    stop_token_ids: frozenset[int]
    sliding_window: int | None = None
    chooser: Sampler | None = None


class Clock:
    """Seconds spent in each part of a run, with the building of programs taken out."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._built_before = compilations().built
        self._build_seconds_before = programs.build_seconds
        self._seconds = {"prefill": 0.0, "decode": 0.0}
        self._new_tokens = 0
        self._resume()

    def _resume(self) -> None:
        self._since = time.perf_counter()
        self._lap_build_seconds = self._programs.build_seconds

    def lap(self, part: str) -> None:
        """Count the time since the last lap as `part`."""
        building = self._programs.build_seconds - self._lap_build_seconds
        self._seconds[part] += time.perf_counter() - self._since - building
        self._resume()

    def token(self) -> float:
        """Count one new token; tokens per second since the first, 0.0 for that one."""
        self.lap("prefill" if self._new_tokens == 0 else "decode")
        self._new_tokens += 1
        return self.tokens_per_second

    @property
    def tokens_per_second(self) -> float:
        steps, seconds = self._new_tokens - 1, self._seconds["decode"]
        return steps / seconds if steps > 0 and seconds > 0 else 0.0

    def compilations(self) -> int:
        """XLA programs built since the start, in this process."""
        return compilations().built - self._built_before

    def timings(self) -> Timings:
        return Timings(
            **self._seconds,
            compile=self._programs.build_seconds - self._build_seconds_before,
            tokens_per_second=self.tokens_per_second,
        )


def never() -> bool:
    """For runs that only end by themselves, or by closing the iterator."""
    return False


def decode(
    programs: Programs, request: Request, cancelled: Callable[[], bool] = never
) -> Iterator[Event]:
    """Run `request`: events that end with exactly one `Finished`.

    `cancelled` is asked before every chunk and token. An exception of the model is the
    caller's to report; everything yielded before it stands.
    """
    run = _Run(programs, request, Clock(programs))
    if request.max_new_tokens < 1:
        yield run.finished("length")
        return
    logits = yield from run.prefill(cancelled)
    if logits is None:
        yield run.finished("cancelled")
        return
    yield from run.generate(logits, cancelled)


class _Run:
    """The moving parts of one run: its cache, its position, its clock."""

    def __init__(self, programs: Programs, request: Request, clock: Clock) -> None:
        self.programs = programs
        self.request = request
        self.clock = clock
        self.weights = programs.weights()
        self.window = programs.window(request.sliding_window)
        self.values = encode([request.sampler], [request.seed])
        self.cache: KVCache | None = None

    def prefill(self, cancelled: Callable[[], bool]) -> Any:
        """Read the prompt; returns the logits after it, or None if cancelled."""
        prompt, logits = self.request.token_ids, None
        for chunk in plan_chunks(len(prompt), self.programs.chunks):
            if cancelled():
                return None
            yield from self._announce(chunk.start, chunk.size)
            tokens = np.zeros(chunk.size, np.int32)
            tokens[: chunk.count] = prompt[chunk.start : chunk.start + chunk.count]
            logits = self._forward(tokens, chunk.start, chunk.count)
            logits.block_until_ready()  # or progress and Stop would run ahead
            self.clock.lap("prefill")
            yield PrefillProgress(done=chunk.start + chunk.count, total=len(prompt))
        return logits

    def generate(
        self, logits: jax.Array, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        """Decode. The next forward starts before this token is read on the host."""
        last = self.request.max_new_tokens - 1
        position = len(self.request.token_ids)
        token = self._choose(logits, 0)
        for index in range(last + 1):
            following = token
            if index < last:
                yield from self._announce(position + index, 1)
                logits = self._forward(token, position + index, 1)
                following = self._choose(logits, index + 1)
            token_id = int(np.asarray(token)[0])
            if token_id < 0:
                raise FloatingPointError(
                    "The model gave no usable probabilities (NaN or all -inf)."
                )
            speed = self.clock.token()
            yield Step(token_id=token_id, index=index, tokens_per_second=speed)
            if token_id in self.request.stop_token_ids:
                yield self.finished("stop", stopped_by=token_id)
                return
            if cancelled():
                yield self.finished("cancelled")
                return
            token = following
        yield self.finished("length")

    def _choose(self, logits: jax.Array, index: int) -> Any:
        chooser = self.request.chooser
        if chooser is not None:
            return self.programs.choose(logits, chooser)
        return self.programs.sample(logits, self.values, index)

    def finished(self, reason: Any, stopped_by: int | None = None) -> Finished:
        return Finished(
            reason=reason,
            stopped_by=stopped_by,
            timings=self.clock.timings(),
            compilations=self.clock.compilations(),
        )

    def _announce(self, start: int, size: int) -> Iterator[Event]:
        """Make the ring large enough, and say so if that shape must be compiled."""
        slots = self.programs.slots_for(start + size, self.window)
        if self.cache is None:
            self.cache = self.programs.empty_cache(slots)
        slots = max(slots, self.cache.num_slots)
        if self.programs.is_new(size, slots):
            kind = "reading" if size > 1 else "generating"
            yield Compiling(program=f"{kind}, texts up to {slots} tokens")
        if slots > self.cache.num_slots:
            self.cache = self.programs.grow(self.cache, slots)

    def _forward(self, tokens: Any, start: int, count: int) -> jax.Array:
        assert self.cache is not None
        logits, self.cache = self.programs.forward(
            self.weights, self.cache, tokens, start, count, self.window
        )
        return logits
