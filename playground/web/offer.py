"""The models that a page offers; each is loaded when somebody first chooses it."""

import threading
from collections.abc import Callable, Mapping

from playground.engine import Engine
from playground.models import MistralCausalLM

StartEngine = Callable[[], Engine[MistralCausalLM]]


class Offer:
    """One engine a model, by its name; `first` is there from the beginning.

    `more` are started when they are asked for, and then stay.
    """

    def __init__(
        self,
        first: str,
        engine: Engine[MistralCausalLM],
        more: Mapping[str, StartEngine] | None = None,
    ) -> None:
        self.first = first
        self._more = {n: start for n, start in (more or {}).items() if n != first}
        self._started = {first: engine}
        self._starting = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, the first one first."""
        return (self.first, *self._more)

    def engine(self, name: str) -> Engine[MistralCausalLM]:
        """The engine of a model. Raises ValueError for one that is not offered."""
        if name not in self.names:
            raise ValueError(
                f"This page offers {', '.join(self.names)}; got {name!r:.80}."
            )
        with self._starting:
            if name not in self._started:
                self._started[name] = self._more[name]()
            return self._started[name]
