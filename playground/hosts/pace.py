"""How often the page is drawn while text streams."""

import time

from playground.engine import Event

SECONDS_BETWEEN_UPDATES = 0.1


class Pace:
    """Lets through what begins or ends a phase, and the rest a few times a second."""

    def __init__(self) -> None:
        self._last_kind: type[Event] | None = None
        self._last_time = 0.0

    def is_due(self, event: Event) -> bool:
        """Whether to draw after `event`; if so, the clock starts anew."""
        now = time.monotonic()
        begins = type(event) is not self._last_kind
        if not begins and now - self._last_time < SECONDS_BETWEEN_UPDATES:
            return False
        self._last_kind, self._last_time = type(event), now
        return True
