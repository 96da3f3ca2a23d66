"""Work that takes a while: it tells how far it is, and ends when its caller left."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from playground.models.interpretability.text_reading import ExplainStopped
from playground.system.progress import Progress, Report, Stopped
from playground.system.threads import ComputingThread

SECONDS_BETWEEN_REPORTS = 0.2


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came out, or the error that it ended with."""

    result: Any = None
    error: Exception | None = None


def in_steps(work: Callable[[Progress, Stopped], Any]) -> Iterator[Report | Done]:
    """`work(progress, stopped)` on a thread of its own; one `Done` comes last.

    A report comes a few times a second, the last one again if there is no new one, so
    that the caller can close the iterator; that makes `stopped` true.
    """
    told: queue.SimpleQueue[Report | Done] = queue.SimpleQueue()
    stopped = threading.Event()

    def run() -> None:
        try:
            result = work(
                lambda message, fraction: told.put(
                    Report(message=message, fraction=fraction)
                ),
                stopped.is_set,
            )
            told.put(Done(result=result))
        except ExplainStopped:
            told.put(Done())
        except Exception as error:
            told.put(Done(error=error))

    ComputingThread(run, stopped.set, name="long work").start()
    last = Report(message="Working")
    try:
        while not isinstance(step := _latest(told, last), Done):
            yield step
            last = step
        yield step
    finally:
        stopped.set()


def _latest(told: "queue.SimpleQueue[Report | Done]", last: Report) -> Report | Done:
    """What it ended with, or after a moment the last report."""
    end = time.monotonic() + SECONDS_BETWEEN_REPORTS
    step: Report | Done = last
    while not isinstance(step, Done):
        try:
            step = told.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
    return step
