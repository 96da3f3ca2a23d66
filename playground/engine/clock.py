"""Where the seconds of a run go."""

import time

from playground.engine.compilation import compilations
from playground.engine.events import Timings
from playground.engine.programs import Programs


class Clock:
    """Seconds spent in each part of a run, with the building of programs taken out."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._built_before = compilations().built
        self._build_seconds_before = programs.build_seconds
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

    def compilations(self) -> int:
        """XLA programs built since the start, in this process."""
        return compilations().built - self._built_before

    def timings(self) -> Timings:
        return Timings(
            **self._seconds,
            compile=self._programs.build_seconds - self._build_seconds_before,
            tokens_per_second=self.tokens_per_second,
        )
