"""A run's events on their way to whoever listens, each kept in its transcript."""

import logging
from collections.abc import Generator, Iterator

from playground.engine import Event, Finished
from playground.transcript.transcript import Transcript

_log = logging.getLogger(__name__)


class KeptEvents(Iterator[Event]):
    """The events of one run; its transcript has each of them before it is given out.

    The last is exactly one `Finished`, whatever happens: an exception on the way ends
    the run as an "error", in words. Closing the iterator ends a run that goes on as
    "cancelled", also before its first event, and so does letting go of it.
    """

    def __init__(
        self, events: Generator[Event, None, None], transcript: Transcript
    ) -> None:
        self._events = events
        self._transcript = transcript

    def __next__(self) -> Event:
        if self._transcript.finished is not None:
            raise StopIteration
        event = self._next()
        self._transcript.add(event)
        if isinstance(event, Finished):
            self._events.close()  # what it holds is free, though it is not asked again
        return event

    def _next(self) -> Event:
        try:
            return next(self._events, Finished(reason="cancelled"))
        except Exception as error:
            _log.exception("A run failed")
            message = f"{type(error).__name__}: {error}"
            return Finished(reason="error", message=message)
        except BaseException:  # an interrupted cell
            self.close()
            raise

    def close(self) -> None:
        """End the run, if it goes on."""
        self._events.close()
        if self._transcript.finished is None:
            self._transcript.add(Finished(reason="cancelled"))

    def __del__(self) -> None:
        self.close()
