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


class NoPlace(ValueError):
    """There is none left; the words say of whom, and what to do."""


class Hears(Protocol):
    """Knows which sessions have a listener."""

    def hear(self, session: str) -> bool: ...


@dataclass(eq=False)
class Place:
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


class Places:
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
        self._held: list[Place] = []
        self._changing = threading.Lock()

    @contextmanager
    def taken(
        self, address: str | None = None, *, count: int = 1, one_a_session: bool = False
    ) -> Iterator[Place]:
        """Within it a place is taken, by None for the request that is served now.

        With `one_a_session` it takes over what the same session holds already. Raises
        NoPlace if there is none left.
        """
        place = self._place_of_request() if address is None else Place(address)
        place.count = count
        with self._changing:
            replaced = self._of_session(place) if one_a_session else []
            self._make_room(place, replaced)
            self._held.append(place)
        try:
            yield place
        finally:
            with self._changing:
                if place in self._held:
                    self._held.remove(place)

    def _place_of_request(self) -> Place:
        request, event = caller()
        session = getattr(request, "session_hash", None)
        return Place(address_of(request), 1, session, event, self.listeners)

    def _of_session(self, place: Place) -> list[Place]:
        if place.session is None:
            return []
        return [
            each
            for each in self._held
            if (each.address, each.session) == (place.address, place.session)
        ]

    def _make_room(self, place: Place, replaced: list[Place]) -> None:
        """Free what `place` needs, of its own address and of all."""
        held = [each for each in self._held if each not in replaced]
        mine = [each for each in held if each.address == place.address]
        silent = [each for each in mine if not each.is_heard]
        leave: list[Place] = []
        for those, limit, words in (
            (
                silent,
                self.unheard,
                _full(self.unheard, self.things, "You already have"),
            ),
            (mine, self.limit, _full(self.limit, self.things, "You already have")),
            (held, self.total, _full(self.total, self.things, "There are already")),
        ):
            if limit is not None:
                those = [each for each in those if each not in leave]
                leave += _leaving(those, place.count, limit, words)
        for each in [*leave, *replaced]:
            self._held.remove(each)
            each.was_given_away = each in leave
            each.was_replaced = each in replaced


def _full(limit: int | None, things: str, whose: str) -> str:
    noun = things.removesuffix("s") if limit == 1 else things
    return f"{whose} {limit} {noun} in progress. Wait until one is finished."


def _leaving(held: list[Place], count: int, limit: int, words: str) -> list[Place]:
    """Which have to leave so that `count` more fit. Raises NoPlace with `words`."""
    too_many = sum(each.count for each in held) + count - limit
    leaving: list[Place] = []
    for each in held:  # the oldest come first
        if too_many > 0 and each.is_free_to_take:
            leaving.append(each)
            too_many -= each.count
    if too_many > 0:
        raise NoPlace(words)
    return leaving


def while_held(place: Place, updates: Iterator[T]) -> Iterator[T]:
    """The updates, for as long as the place is kept and has a listener."""
    generator: Any = updates
    with closing(generator):
        for update in updates:
            yield update
            if place.is_over:
                return
