"""What long work calls: how far it is, and whether it is still wanted."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[str, float | None], None]
"""Told a message, and the fraction done in 0..1, None where that is unknown."""

Stopped = Callable[[], bool]
"""Asked now and then; True ends what is going on."""


def say_nothing(message: str, fraction: float | None) -> None:
    """A `Progress` for a caller that does not want to hear."""
    del message, fraction


def never() -> bool:
    """A `Stopped` for what is not stopped."""
    return False


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a `Progress` was told."""

    message: str
    fraction: float | None = None

    @property
    def words(self) -> str:
        """`Downloading 43%`."""
        return f"{self.message} {self.fraction:.0%}" if self.fraction else self.message
