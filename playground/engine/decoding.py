"""One run for whoever iterates: the scheduler with nobody else in it.

It is a generator, so whoever iterates sets the pace, and closing it ends the run. It
knows tokens only; text is made of them elsewhere.
"""

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field

from playground.engine.events import Event
from playground.engine.kept_texts import KeptTexts
from playground.engine.programs import Programs
from playground.engine.request import Request
from playground.engine.scheduler import Scheduler
from playground.system.progress import Stopped, never


@dataclass
class _Caller:
    """Collects what the run says."""

    request: Request
    is_cancelled: Stopped
    events: deque[Event] = field(default_factory=deque)
    error: Exception | None = None

    def put(self, event: Event) -> None:
        self.events.append(event)

    def fail(self, error: Exception) -> None:
        self.error = error


def decode(
    programs: Programs,
    request: Request,
    cancelled: Stopped = never,
    kept: KeptTexts | None = None,
) -> Generator[Event]:
    """Run `request`: events that end with exactly one `Finished`.

    `cancelled` is asked before every chunk and after every token. An exception of the
    model is the caller's to handle; everything yielded before it stands. The run goes
    on from what its owner has in `kept`, and leaves its own text there when it ends or
    is closed; not when it fails.
    """
    caller = _Caller(request, cancelled)
    scheduler = Scheduler(programs, KeptTexts() if kept is None else kept)
    scheduler.admit(caller)
    try:
        while scheduler:
            scheduler.advance()
            while caller.events:
                yield caller.events.popleft()
        if caller.error is not None:
            raise caller.error
    finally:
        scheduler.close()
