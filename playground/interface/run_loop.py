"""The runs of one user, one after another: what to show at each moment of them.

Page and panel show the same frames; each only places them.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from playground.engine import Event, Finished
from playground.interface.latest import Latest
from playground.interface.status import (
    STARTING,
    Status,
    engine_status,
    error_status,
    facts_of,
    fault_status,
    run_status,
)
from playground.interface.throttle import throttled
from playground.session import Session
from playground.transcript import Transcript

Start = Callable[[], Iterator[Event]]
"""Begins a run of a session, as `Session.generate` does. Raises ValueError."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What is seen at one moment.

    Attributes:
        status: The status line.
        live: Whether the run goes on, so that it can be stopped.
        run: Whose text is shown, None for none.
        keeps_text: Whether the text stays as it is, whatever `run` is.
    """

    status: Status
    live: bool = False
    run: Transcript | None = None
    keeps_text: bool = False


BEGINS = Frame(status=STARTING, live=True, keeps_text=True)


class RunLoop:
    """Begins runs and follows them. One that a later one has replaced is not shown;
    what it still writes goes into its transcript all the same.
    """

    def __init__(self) -> None:
        self.latest = Latest()
        self.told = False
        """Whether the status says something that has to be read first, so that how the
        engine is does not take its place."""
        self._cut: Transcript | None = None
        # Reentrant: a generator may be collected while its own thread begins a run.
        self._changing = threading.RLock()

    def end(self, session: Session) -> int:
        """End the run before, if any; the number of the one that may follow."""
        run = session.transcript
        with self._changing:
            self.told = False
            self._cut = run if run is not None and run.finished is None else None
            number = self.latest.begin()  # first, so that the end itself is not shown
            session.stop()
            return number

    def begin(
        self, session: Session, start: Start, number: int | None = None
    ) -> Iterator[Frame]:
        """Begin a run in place of the one before; its frames from its first event on.

        With a `number` of `end` only if nothing has begun since. Closing the frames
        ends the run. Raises ValueError, and then the run before goes on.
        """
        with self._changing:
            if number not in (None, self.latest.number):
                return iter(())
            events = start()
            assert session.transcript is not None, "it has begun"
            number = self.latest.begin()
            return self._frames(number, session, session.transcript, events)

    def answer_click(
        self, number: int, session: Session, start: Start
    ) -> Iterator[Frame]:
        """All frames of a run, or why it does not begin; `number` is that of `end`."""
        yield BEGINS
        try:
            frames = self.begin(session, start, number)
        except ValueError as fault:
            yield self.refuse(fault)
        else:
            yield from frames

    def refuse(self, fault: ValueError) -> Frame:
        """Why a run does not begin. The text of the one that it ended stays."""
        self.told, cut = True, self._cut
        return Frame(status=fault_status(fault), run=cut, keeps_text=cut is None)

    def _frames(
        self, number: int, session: Session, run: Transcript, events: Iterator[Event]
    ) -> Iterator[Frame]:
        facts = facts_of(run, session.engine)
        try:
            for event in throttled(events, facts.note):
                if self._is_latest(number):
                    live = not isinstance(event, Finished)
                    yield Frame(status=run_status(event, facts), live=live, run=run)
        except Exception as error:
            _log.exception("A run cannot be shown")
            if self._is_latest(number):
                yield Frame(status=error_status(error), run=run)
        finally:
            with self._changing:
                if number == self.latest.number:
                    session.stop()

    def _is_latest(self, number: int) -> bool:
        with self._changing:  # while another one begins it is not known
            return number == self.latest.number


def frame_of_end(session: Session) -> Frame:
    """The session's latest run, which is over; without one, how the engine is."""
    run, status = session.transcript, engine_status(session.engine)
    if run is not None:
        end = run.finished or Finished(reason="cancelled")
        status = run_status(end, facts_of(run, session.engine))
    return Frame(status=status, run=run)
