"""How often a host draws while text streams."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

EventT = TypeVar("EventT")
SECONDS_BETWEEN_UPDATES = 0.1


class Pace:
    """Lets through what begins or ends a phase, and the rest a few times a second."""

    def __init__(self) -> None:
        self._last_kind: type[object] | None = None
        self._last_time = 0.0

    def is_due(self, event: object) -> bool:
        """Whether to draw after `event`; the pause then begins with `drawn`."""
        begins = type(event) is not self._last_kind
        pause = time.monotonic() - self._last_time
        if not begins and pause < SECONDS_BETWEEN_UPDATES:
            return False
        self._last_kind = type(event)
        self.drawn()
        return True

    def drawn(self) -> None:
        """The update has been made: the next one comes a pause later."""
        self._last_time = time.monotonic()


def paced(
    events: Iterable[EventT], note: Callable[[EventT], None] = lambda _: None
) -> Iterator[EventT]:
    """The events after which to draw; `note` hears of all of them.

    Whoever draws may take long: what comes meanwhile is one update, not one each, as
    the pause begins only when the next event is asked for.
    """
    pace = Pace()
    for event in events:
        note(event)
        if pace.is_due(event):
            yield event
            pace.drawn()
