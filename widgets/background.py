"""Pictures are drawn beside the kernel's work: only the latest that is asked for."""

import threading
from collections.abc import Callable

from playground.system.progress import Stopped
from playground.system.threads import ComputingThread

Job = Callable[[Stopped], None]


class Background:
    """Does one job at a time on a thread of its own; a new one takes the place of all
    that wait.

    `job(stopped)` may ask whether a newer one waits, and end early. Errors are its own
    business. Without a job there is no thread.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: Job | None = None
        self._thread: ComputingThread | None = None
        self._ended = False

    def submit(self, job: Job) -> None:
        """Do `job` soon; returns at once."""
        with self._changed:
            if self._ended:
                return
            self._waiting = job
            if self._thread is None:
                self._thread = ComputingThread(self._work, self._end, "pictures")
                self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until nothing is left to do; False if the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Take no more jobs and end the one at hand; False if the time is over."""
        self._end()
        return self.join(timeout)

    def _work(self) -> None:
        while job := self._next():
            job(self._is_stopped)

    def _next(self) -> Job | None:
        with self._changed:
            job, self._waiting = self._waiting, None
            if job is None or self._ended:
                self._thread = None
                self._changed.notify_all()
                return None
            return job

    def _is_stopped(self) -> bool:
        with self._changed:
            return self._ended or self._waiting is not None

    def _end(self) -> None:
        """It was closed, or the process ends."""
        with self._changed:
            self._ended = True
