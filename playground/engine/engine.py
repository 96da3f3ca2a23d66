"""The thread that owns the model: it loads it, warms it up, and runs everybody's text.

Up to MAX_ACTIVE runs are active, as the scheduler sees fit; the others wait in line,
where callers take turns. A few more places are for callers who have nothing active, so
that nobody waits for all of somebody else's texts.
"""

import logging
import queue
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Generic, Literal, NoReturn, TypeVar

from playground.engine.compilation import compilations, keep_programs
from playground.engine.events import Event, Finished, Loading, Queued
from playground.engine.kept_texts import KeptTexts
from playground.engine.line import in_turns
from playground.engine.programs import CachedModel, Programs
from playground.engine.request import Request
from playground.engine.scheduler import Scheduler
from playground.engine.status import Status
from playground.engine.warm_up import WarmUp
from playground.system.progress import Progress
from playground.system.threads import ComputingThread

MAX_ACTIVE = 8
MAX_NEWCOMERS = 4
MOST = MAX_ACTIVE + MAX_NEWCOMERS
MAX_WAITING = 64
WARM_LENGTH = 1024
WAITING_SECONDS = 0.25
ENDED = ("failed", "closed")
CLOSED = "The model was closed."

Meanwhile = Callable[[CachedModel], AbstractContextManager[None]]
ModelT = TypeVar("ModelT", bound=CachedModel)
_log = logging.getLogger(__name__)


class ModelUnavailable(Exception):
    """A model that cannot be loaded, for reasons that the person can read and mend."""


class _Closed(Exception):
    """Ends the loading of a model that nobody wants any more."""


def _gone(*_: object) -> NoReturn:
    """In the place of what loads, which may hold the model."""
    raise ModelUnavailable(CLOSED)


class BusyError(RuntimeError):
    """Too many runs are waiting."""


class Run:
    """One run, to be iterated from any thread; ends with exactly one `Finished`."""

    def __init__(self, request: Request, engine: "Engine[Any]") -> None:
        self.request = request
        self._engine = engine
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End the run within one step; its last event says "cancelled"."""
        self._cancelled.set()
        self._engine.forget(self)

    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def put(self, event: Event) -> None:
        self._events.put(event)

    def fail(self, error: Exception) -> None:
        """End the run with the words of an error."""
        _log.error("A run failed", exc_info=error)
        message = f"{type(error).__name__}: {error}"
        self.put(Finished(reason="error", message=message))

    def __iter__(self) -> Iterator[Event]:
        """Events as they come; while the run waits, its place, a few times a second.

        It is repeated because a generator can only be closed where it yields.
        """
        try:
            while True:
                try:
                    event = self._events.get(timeout=WAITING_SECONDS)
                except queue.Empty:
                    if waiting := self._engine.waiting_for(self):
                        yield waiting
                    continue
                yield event
                if isinstance(event, Finished):
                    return
        finally:
            self.cancel()


class Engine(Generic[ModelT]):
    """Loads a model in the background and runs requests on it.

    `load(report, meanwhile)` makes the model on the engine's own thread; it calls
    `report(message, fraction)` as it gets on, and may read the weights within the
    context `meanwhile(model)`: another thread builds programs as long as it lasts.

    Texts up to `warm_length` tokens compile nothing once the engine is ready. Up to
    `warm_rows` of them are decoded in one step, as soon as those programs are built
    too; others take turns. No run takes longer than `max_seconds`.
    """

    def __init__(
        self,
        load: Callable[[Progress, Meanwhile], ModelT],
        warm_length: int = WARM_LENGTH,
        warm_rows: int = 1,
        max_seconds: float | None = None,
    ) -> None:
        self._load = load
        self._warm_length = warm_length
        self._warm_rows = warm_rows
        self._max_seconds = max_seconds
        self._model: ModelT | None = None
        self._kept = KeptTexts()
        self._waiting: list[Run] = []
        self._callers: list[Hashable] = []  # of the active runs
        self._most_active = MOST  # fewer while memory has no room for one more
        self._changed = threading.Condition()
        self._closed = False
        self._start()

    def _start(self) -> None:
        self._status = Status(phase="loading", message="Starting")
        self._thread = ComputingThread(self._serve, self._end, name="engine")
        self._thread.start()

    @property
    def status(self) -> Status:
        return self._status

    @property
    def model(self) -> ModelT | None:
        """The model once it is loaded, else None."""
        return self._model

    def submit(self, request: Request) -> Run:
        """Start a run, or line it up. Raises BusyError when the line is full."""
        run = Run(replace(request, max_seconds=self._max_seconds), self)
        with self._changed:
            if len(self._waiting) >= MAX_WAITING:
                raise BusyError(
                    f"{MAX_WAITING} people are waiting already. Try again in a minute."
                )
            if self._closed or self._status.phase == "failed":
                run.put(Finished(reason="error", message=self._status.message))
            else:
                self._waiting.append(run)
            self._changed.notify_all()
        return run

    def waiting_for(self, run: Run) -> Event | None:
        """Why `run` has not begun: the model loads, or others come first."""
        with self._changed:
            if run not in self._waiting:
                return None
            if not self._num_active and not self._status.is_warm:
                message, fraction = self._status.message, self._status.fraction
                return Loading(message=message, fraction=fraction)
            return Queued(ahead=self._num_active + self._line().index(run))

    def forget(self, run: Run) -> None:
        """Take a cancelled run out of the line, if it still waits there."""
        with self._changed:
            if run in self._waiting:
                self._waiting.remove(run)
                run.put(Finished(reason="cancelled"))

    def wait(self, timeout: float | None = None) -> Status:
        """Wait until the engine is ready, has failed or is closed."""
        with self._changed:
            self._changed.wait_for(self._is_settled, timeout)
            return self._status

    def wait_until_warm(self, timeout: float | None = None) -> bool:
        """Wait until nothing is left to build, for several people neither.

        False if the time is over, or the model cannot be had.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._status.is_warm or self._status.phase in ENDED, timeout
            )
            return self._status.is_warm

    def wait_for_model(self, timeout: float) -> bool:
        """Wait until the model is loaded (it may still compile) or cannot be."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._model is not None or self._is_settled(), timeout
            )

    def try_again(self) -> None:
        """Load once more what could not be loaded; returns at once.

        After a fault between the runs it serves again, with the model that it has. An
        engine that has not failed goes on as it is.
        """
        with self._changed:
            if self._status.phase == "failed" and not self._closed:
                self._start()
                self._changed.notify_all()

    def close(self) -> None:
        """End all runs and the thread; the model goes when nobody holds it.

        While the model loads, the thread ends where the loading next tells how far it
        is. A process that ends closes its engines by itself.
        """
        self._end()
        self._thread.join()

    def _end(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _is_settled(self) -> bool:
        return self._status.phase == "ready" or self._status.phase in ENDED

    def _set_status(self, status: Status) -> None:
        with self._changed:
            self._status = status
            self._changed.notify_all()

    def _serve(self) -> None:
        try:
            self._take_turns(*self._prepare())
        except Exception as error:
            if not self._closed:
                self._fail(error)
                return
        self._model, self._load, self._kept = None, _gone, KeptTexts()
        self._set_status(Status(phase="closed", message=CLOSED))
        self._dismiss("cancelled", "")

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, ModelUnavailable):
            _log.error("The engine ends", exc_info=error)
        message = str(error) or type(error).__name__
        with self._changed:  # at once: a run that comes later may try again
            self._kept, self._callers = KeptTexts(), []
            self._set_status(Status(phase="failed", message=message))
            self._dismiss("error", message)

    def _prepare(self) -> tuple[Programs, WarmUp]:
        compilations()
        keep_programs()

        def report(message: str, fraction: float | None) -> None:
            if self._closed:
                raise _Closed
            self._set_status(
                Status(phase="loading", message=message, fraction=fraction)
            )

        warm_up: WarmUp | None = None

        def all_cold(model: CachedModel) -> WarmUp:
            return WarmUp(model.programs, self._warm_length, self._warm_rows)

        def meanwhile(model: CachedModel) -> AbstractContextManager[None]:
            nonlocal warm_up
            warm_up = all_cold(model)
            return warm_up.in_background()

        model = self._model = self._model or self._load(report, meanwhile)
        return model.programs, warm_up or all_cold(model)

    def _take_turns(self, programs: Programs, warm_up: WarmUp) -> None:
        """Serve runs; whenever there is none, warm up what is still cold."""
        scheduler = Scheduler(programs, self._kept)
        try:
            while not self._closed:
                if (status := warm_up.status()) != self._status:
                    self._set_status(status)
                self._admit(scheduler, idle=not warm_up)
                if scheduler:
                    scheduler.advance()
                elif warm_up:
                    warm_up.build_next()
            scheduler.close()
        except Exception as error:
            scheduler.fail(error)
            raise

    def _admit(self, scheduler: Scheduler, idle: bool) -> None:
        """Let waiting runs in; with nothing else to do, sleep until there is one."""
        with self._changed:
            if len(scheduler) < self._num_active:
                self._most_active = MOST
            self._callers = scheduler.callers
            if idle and not scheduler:
                self._changed.wait_for(lambda: self._waiting or self._closed)
            while run := self._next():
                fault = scheduler.memory_fault(run.request)
                if fault and scheduler:
                    self._most_active = len(scheduler)  # until one of them ends
                    break
                self._waiting.remove(run)
                if fault:
                    run.put(Finished(reason="error", message=fault))
                else:
                    scheduler.admit(run)
                    self._callers.append(run.request.caller)

    @property
    def _num_active(self) -> int:
        return len(self._callers)

    def _line(self) -> list[Run]:
        """Those who wait, in the order in which they begin."""
        return in_turns(self._waiting, lambda run: run.request.caller, self._callers)

    def _next(self) -> Run | None:
        """Who begins now, None if nobody may."""
        if not self._waiting or self._num_active >= self._most_active:
            return None
        first = self._line()[0]
        is_new = first.request.caller not in (None, *self._callers)
        return first if self._num_active < MAX_ACTIVE or is_new else None

    def _dismiss(self, reason: Literal["cancelled", "error"], message: str) -> None:
        with self._changed:
            while self._waiting:
                self._waiting.pop(0).put(Finished(reason=reason, message=message))
