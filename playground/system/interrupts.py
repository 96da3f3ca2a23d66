"""Ctrl-C that ends a process of ours wherever it arrives."""

import _thread
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from playground.system.threads import leave_at_once

INTERRUPTED = 130
"""The exit status of a command that was ended by Ctrl-C, as shells have it."""
_AGAIN_SECONDS = 0.05


def watch_interrupts() -> Callable[[], bool]:
    """Raise KeyboardInterrupt until it is heard; gives whether there was one.

    Python drops an exception in a callback of its garbage collector, and JAX has one:
    two of five interrupts were lost there. An import that is interrupted ends with any
    error, and may print it; there is nothing to clear up yet, so the process ends.
    """
    arrived = threading.Event()
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return arrived.is_set  # ignored, as in the background, or somebody else's

    def note(number: int, frame: FrameType | None) -> None:
        arrived.set()
        if _is_importing(frame):
            leave_at_once(INTERRUPTED)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    sys.unraisablehook = _raise_again
    return arrived.is_set


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _interrupt() -> None:
    """As Ctrl-C does: a call that waits is interrupted too, but for Windows."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


def _raise_again(lost: "sys.UnraisableHookArgs") -> None:
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    again = threading.Timer(_AGAIN_SECONDS, _interrupt)
    again.daemon = True
    again.start()
