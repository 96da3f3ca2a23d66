"""The models that a page offers; each is loaded when it is first chosen."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from playground.engine import Engine
from playground.models import MistralCausalLM
from playground.presets import PRESETS
from playground.presets.memory import BYTES
from playground.session import fastest_dtype

StartEngine = Callable[[], Engine[MistralCausalLM]]


def split_name(name: str) -> tuple[str, str | None]:
    """`preset@int8` -> (preset, "int8"); without a dtype, the fastest is meant."""
    preset, _, dtype = name.partition("@")
    return preset, dtype or None


def size_in_words(name: str) -> str:
    """What its weights take in memory, known before they are loaded: "135 MB"."""
    preset, dtype = split_name(name)
    if preset not in PRESETS:
        return ""
    wanted = dtype or fastest_dtype()
    num_bytes = PRESETS[preset].parameters * BYTES[wanted]
    return f"{num_bytes / 1e6:,.0f} MB"


class OfferedModels:
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

    def label(self, name: str) -> str:
        """What stands on its button: name, dtype if it is said, and memory."""
        preset, dtype = split_name(name)
        parts = (Path(preset).name, dtype, size_in_words(name))
        return " · ".join(part for part in parts if part)

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
