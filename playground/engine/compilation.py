"""Counts the programs that XLA builds, and keeps them for the next start."""

import os
import threading
from dataclasses import dataclass

import jax
from jax import monitoring

from playground.engine.program_files import use_program_files
from playground.system.cache_folder import cache_folder

_BUILD_SECONDS = "/jax/core/compile/backend_compile_duration"
_READ_FROM_DISK = "/jax/compilation_cache/cache_hits"


@dataclass(frozen=True)
class Compilations:
    """Programs since this process began to count: built by XLA, or read from disk."""

    built: int
    read: int


class _Counter:
    """Listens to JAX, which reports a program read from disk as a build too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._here = threading.local()
        self._total, self._read = 0, 0
        monitoring.register_event_duration_secs_listener(self._on_duration)
        monitoring.register_event_listener(self._on_event)

    def _on_duration(
        self, event: str, duration_secs: float, **_details: str | int
    ) -> None:
        del duration_secs
        if event == _BUILD_SECONDS:
            self._here.built = self.built_here() + 1
            with self._lock:
                self._total += 1

    def _on_event(self, event: str, **_details: str | int) -> None:
        if event == _READ_FROM_DISK:
            self._here.built = self.built_here() - 1
            with self._lock:
                self._read += 1

    def built_here(self) -> int:
        built: int = getattr(self._here, "built", 0)
        return built

    def now(self) -> Compilations:
        with self._lock:
            return Compilations(built=self._total - self._read, read=self._read)


_counter: _Counter | None = None


def compilations() -> Compilations:
    """The count since the first call in this process; subtract two for a span."""
    global _counter
    if _counter is None:
        _counter = _Counter()
    return _counter.now()


def built_here() -> int:
    """Programs that XLA built on the calling thread; subtract two for a span.

    Others may build at the same time, such as the pictures' of somebody's text.
    """
    compilations()
    assert _counter is not None
    return _counter.built_here()


def keep_programs() -> None:
    """Let JAX keep compiled programs in the user's cache folder.

    JAX's own `JAX_COMPILATION_CACHE_DIR` wins. Every program is kept, small ones too: a
    start runs many of them.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = cache_folder() / "xla"
        jax.config.update("jax_compilation_cache_dir", str(folder))
    use_program_files()
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
