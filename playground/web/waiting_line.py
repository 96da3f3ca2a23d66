"""A line for what few may do at once, in which callers take turns."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playground.engine.line import in_turns


@dataclass(frozen=True, eq=False)
class Ticket:
    """One caller's place in the line."""

    caller: str


class WaitingLine:
    """So many at once; the others wait in line and know their place."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._waiting: list[Ticket] = []
        self._working: list[Ticket] = []
        self._changed = threading.Condition()

    @contextmanager
    def joined(self, caller: str) -> Iterator[Ticket]:
        """Within it the caller is in line, and then has its turn."""
        turn = Ticket(caller)
        with self._changed:
            self._waiting.append(turn)
            self._serve()
        try:
            yield turn
        finally:
            with self._changed:
                part = self._working if turn in self._working else self._waiting
                part.remove(turn)
                self._serve()

    def ahead_of(self, turn: Ticket, seconds: float) -> int:
        """How many come before it, 0 once it has begun; waits a moment for that."""
        with self._changed:
            if self._changed.wait_for(lambda: turn in self._working, seconds):
                return 0
            return len(self._working) + self._line().index(turn)

    def _line(self) -> list[Ticket]:
        working = [turn.caller for turn in self._working]
        return in_turns(self._waiting, lambda turn: turn.caller, working)

    def _serve(self) -> None:
        while self._waiting and len(self._working) < self.at_once:
            first = self._line()[0]
            self._waiting.remove(first)
            self._working.append(first)
        self._changed.notify_all()
