"""How much one address may have in work or in line at once, so that others get on."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from playground.web.addresses import address_of
from playground.web.gradio_internals import caller

SECONDS_UNHEARD = 15
"""After which what has no listener ends: one heartbeat of a stream."""

SECONDS_TO_LISTEN = 2
"""Before which it gives its place to no other: it has only just asked."""

T = TypeVar("T")


class QuotaExceeded(ValueError):
    """There is none left; the words say of whom, and what to do."""


class Hears(Protocol):
    """Knows which sessions have a listener."""

    def hear(self, session: str) -> bool: ...


@dataclass(eq=False)
class Reservation:
    """What is held for something in work: `count` places of an address."""

    address: str
    count: int = 1
    session: str | None = None
    event: str | None = None
    listeners: Hears | None = None
    was_given_away: bool = False
    was_replaced: bool = False
    """Its session asks for something else now."""
    taken_at: float = field(default_factory=time.monotonic)
    heard_at: float = field(default_factory=time.monotonic)

    @property
    def is_heard(self) -> bool:
        """Whether it has a listener; outside of a request this is not known."""
        names = [name for name in (self.session, self.event) if name is not None]
        if self.listeners is None or not names:
            return True
        return any(map(self.listeners.hear, names))

    @property
    def is_over(self) -> bool:
        """Whether what holds it has to end; to be asked from time to time."""
        now = time.monotonic()
        if self.is_heard:
            self.heard_at = now
        return self.was_given_away or now - self.heard_at > SECONDS_UNHEARD

    @property
    def is_free_to_take(self) -> bool:
        """Whether it has no listener, and is not about to have one."""
        just_asked = time.monotonic() - self.taken_at < SECONDS_TO_LISTEN
        return not just_asked and not self.is_heard


class Quota:
    """So many things at once for each address and for all; one more is refused.

    Of those without a listener, or with none yet, an address may have `unheard`. They
    make room for others. Where a number is None, any is fine.
    """

    def __init__(
        self,
        limit: int,
        things: str,
        total: int | None = None,
        *,
        unheard: int | None = None,
        listeners: Hears | None = None,
    ) -> None:
        self.limit = limit
        self.things = things
        self.total = total
        self.unheard = unheard
        self.listeners = listeners
        self._held: list[Reservation] = []
        self._changing = threading.Lock()

    @contextmanager
    def taken(
        self, address: str | None = None, *, count: int = 1, one_a_session: bool = False
    ) -> Iterator[Reservation]:
        """Within it a place is taken, by None for the request that is served now.

        With `one_a_session` it takes over what the same session holds already. Raises
        QuotaExceeded if there is none left.
        """
        reservation = self._of_request() if address is None else Reservation(address)
        reservation.count = count
        with self._changing:
            replaced = self._of_session(reservation) if one_a_session else []
            self._make_room(reservation, replaced)
            self._held.append(reservation)
        try:
            yield reservation
        finally:
            with self._changing:
                if reservation in self._held:
                    self._held.remove(reservation)

    def _of_request(self) -> Reservation:
        request, event = caller()
        session = getattr(request, "session_hash", None)
        return Reservation(address_of(request), 1, session, event, self.listeners)

    def _of_session(self, reservation: Reservation) -> list[Reservation]:
        if reservation.session is None:
            return []
        return [
            each
            for each in self._held
            if (each.address, each.session)
            == (reservation.address, reservation.session)
        ]

    def _make_room(self, reservation: Reservation, replaced: list[Reservation]) -> None:
        """Free what `reservation` needs, of its own address and of all."""
        held = [each for each in self._held if each not in replaced]
        mine = [each for each in held if each.address == reservation.address]
        silent = [each for each in mine if not each.is_heard]
        leave: list[Reservation] = []
        for those, limit, has in (
            (silent, self.unheard, "You already have"),
            (mine, self.limit, "You already have"),
            (held, self.total, "There are already"),
        ):
            if limit is not None:
                words = f"{has} {limit} {self.things} in progress."
                those = [each for each in those if each not in leave]
                leave += _leaving(those, reservation.count, limit, words)
        for each in [*leave, *replaced]:
            self._held.remove(each)
            each.was_given_away = each in leave
            each.was_replaced = each in replaced


def _leaving(
    held: list[Reservation], count: int, limit: int, words: str
) -> list[Reservation]:
    """Which have to leave so that `count` more fit. Raises QuotaExceeded."""
    too_many = sum(each.count for each in held) + count - limit
    leaving: list[Reservation] = []
    for each in held:  # the oldest come first
        if too_many > 0 and each.is_free_to_take:
            leaving.append(each)
            too_many -= each.count
    if too_many > 0:
        raise QuotaExceeded(f"{words} Wait until one is finished.")
    return leaving


def while_held(reservation: Reservation, updates: Iterator[T]) -> Iterator[T]:
    """The updates, for as long as the place is kept and has a listener."""
    generator: Any = updates
    with closing(generator):
        for update in updates:
            yield update
            if reservation.is_over:
                return
