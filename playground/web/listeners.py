"""Which sessions have a listener.

What a function of the page gives goes to its session's stream, a connection of its own.
One that asks and never opens it, or opens it and takes nothing in, does not listen.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SECONDS_UNTIL_DEAF = 15
"""For which a message may lie before a stream's other end without being taken in."""


@dataclass(eq=False)
class Stream:
    """An open stream; `sends_since` is when its last message began to be sent."""

    session: str
    sends_since: float | None = None

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Within it a message is sent, which waits if the other end takes none in."""
        self.sends_since = time.monotonic()
        yield
        self.sends_since = None


class Listeners:
    """The streams that are open. The gate tells of each, from its own thread."""

    def __init__(self) -> None:
        self._streams: list[Stream] = []

    @contextmanager
    def listening(self, session: str) -> Iterator[Stream]:
        """Within it a stream of `session` is open."""
        stream = Stream(session)
        self._streams = [*self._streams, stream]
        try:
            yield stream
        finally:
            self._streams = [each for each in self._streams if each is not stream]

    def hear(self, session: str) -> bool:
        """Whether `session` has a listener now."""
        lost = time.monotonic() - SECONDS_UNTIL_DEAF
        return any(
            each.session == session
            and (each.sends_since is None or each.sends_since > lost)
            for each in self._streams
        )
