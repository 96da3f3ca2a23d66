"""How the page's functions begin: with a place, and after those before them in line.

Gradio's own queue lets everything begin at once: nothing waits in it without words.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from playground.web.quota import Quota, QuotaExceeded, Reservation, while_held
from playground.web.tab import Tab
from playground.web.waiting_line import WaitingLine

SECONDS_BETWEEN_WORDS = 0.25
Says = Callable[[Tab, str], Any]


@dataclass(frozen=True, kw_only=True)
class Admission:
    """What a function needs before it begins, and what is said where it has to wait.

    `refuses` gives the update that shows why it does not begin, `waits` the one that
    shows its place in the line of `turns`. `nothing` is one that changes nothing: it
    ends each function, since Gradio sends the last update twice. `count` gives how many
    places the inputs need, one if it is None.
    """

    quota: Quota
    refuses: Says
    waits: Says
    nothing: Any
    turns: WaitingLine | None = None
    count: Callable[..., int] | None = None

    def __call__(self, handler: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        """The handler, a function or a generator whose first input is the tab."""

        @functools.wraps(handler)
        def admitted(tab: Tab, *inputs: Any) -> Iterator[Any]:
            count = self.count(*inputs) if self.count else 1
            try:
                with self.quota.taken(count=count, one_a_session=True) as reservation:
                    tab.session.caller = reservation.address
                    yield from self._in_turn(reservation, tab, handler, inputs)
            except QuotaExceeded as fault:
                yield self.refuses(tab, str(fault))
            yield self.nothing

        return admitted

    def _in_turn(
        self,
        reservation: Reservation,
        tab: Tab,
        handler: Callable[..., Any],
        inputs: tuple[Any, ...],
    ) -> Iterator[Any]:
        if self.turns is None:
            yield from while_held(reservation, _updates(handler, tab, inputs))
            return
        with self.turns.joined(reservation.address) as turn:
            while ahead := self.turns.ahead_of(turn, SECONDS_BETWEEN_WORDS):
                yield self.waits(tab, f"Queued ({ahead} ahead)")
                if reservation.is_over or reservation.was_replaced:
                    return
            yield from while_held(reservation, _updates(handler, tab, inputs))


def _updates(
    handler: Callable[..., Any], tab: Tab, inputs: tuple[Any, ...]
) -> Iterator[Any]:
    if inspect.isgeneratorfunction(handler):
        yield from handler(tab, *inputs)
    else:
        yield handler(tab, *inputs)
