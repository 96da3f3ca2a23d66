"""Where the seconds of a run go."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from playground.engine.compilation import built_here
from playground.engine.events import Timings
from playground.engine.programs import Programs


class Clock:
    """Seconds spent in each part of a run, with the building of programs taken out."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._built, self._build_seconds = 0, 0.0
        self._turn: tuple[int, float] | None = None
        self._seconds = {"prefill": 0.0, "decode": 0.0}
        self._new_tokens = 0
        self._resume()
        self._started = self._since

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

    @property
    def seconds(self) -> float:
        """Since the run began, all included."""
        return time.perf_counter() - self._started

    @contextmanager
    def turn(self) -> Iterator[None]:
        """What is built meanwhile, on this thread, is built for this run."""
        self._turn = built_here(), self._programs.build_seconds
        try:
            yield
        finally:
            self._built, self._build_seconds = self._built_so_far()
            self._turn = None

    def _built_so_far(self) -> tuple[int, float]:
        """XLA programs and seconds, those of the turn that goes on among them."""
        if self._turn is None:
            return self._built, self._build_seconds
        built, seconds = self._turn
        seconds = self._programs.build_seconds - seconds
        return self._built + built_here() - built, self._build_seconds + seconds

    def compilations(self) -> int:
        """XLA programs that were built for this run."""
        return self._built_so_far()[0]

    def timings(self) -> Timings:
        return Timings(
            **self._seconds,
            compile=self._built_so_far()[1],
            tokens_per_second=self.tokens_per_second,
        )
