"""How often a host draws while text streams."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

EventT = TypeVar("EventT")
SECONDS_BETWEEN_UPDATES = 0.1


def throttled(
    events: Iterable[EventT],
    note: Callable[[EventT], None] = lambda _: None,
    kind: Callable[[EventT], object] = type,
) -> Iterator[EventT]:
    """The events after which to draw; `note` hears of all of them.

    That is what begins or ends a phase, as its `kind` is new, and the rest a few times
    a second. Drawing may take long: what comes meanwhile is one update, not one each,
    as the pause begins only when the next event is asked for.
    """
    last_kind, last_time = None, 0.0
    for event in events:
        note(event)
        is_new = kind(event) != last_kind
        if is_new or time.monotonic() - last_time >= SECONDS_BETWEEN_UPDATES:
            last_kind = kind(event)
            yield event
            last_time = time.monotonic()
