"""Threads that compute, and that end before Python does.

A daemon thread ends where it next asks for Python's lock once the process is over. In
the middle of XLA's C++ that aborts the process ("FATAL: exception not rethrown"), or
leaves it hanging. So each is told to stop at exit, and waited for.
"""

import atexit
import contextlib
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import NoReturn

EXIT_SECONDS = 20.0
"""The longest wait at exit. What XLA has begun to compile can't be stopped."""

_started: "weakref.WeakSet[ComputingThread]" = weakref.WeakSet()


class ComputingThread(threading.Thread):
    """A thread that may use JAX; `stop()`, called from another one, soon ends it."""

    def __init__(
        self, work: Callable[[], None], stop: Callable[[], None], name: str
    ) -> None:
        super().__init__(target=work, name=name, daemon=True)
        self.stop = stop

    def start(self) -> None:
        _started.add(self)
        super().start()


def end_threads(seconds: float = EXIT_SECONDS) -> bool:
    """Stop all of them; False if some still work after that time."""
    end = time.monotonic() + seconds
    while working := [thread for thread in list(_started) if thread.is_alive()]:
        for thread in working:
            thread.stop()
        left = end - time.monotonic()
        if left <= 0:
            return False
        working[0].join(min(left, 0.5))
    return True


def leave(status: int, seconds: float = 1.0) -> NoReturn:
    """End the process with an exit status, soon even if something compiles."""
    try:
        ended = end_threads(seconds)
    except KeyboardInterrupt:
        ended, status = False, 130
    if ended:
        sys.exit(status)
    leave_at_once(status)


def leave_at_once(status: int) -> NoReturn:
    """End the process without Python's own end, which no thread in XLA survives."""
    with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


@atexit.register
def _at_exit() -> None:
    try:
        end_threads()
    except KeyboardInterrupt:
        leave_at_once(130)
