"""What every view can do, so that a host shows any of them in the same way."""

from dataclasses import dataclass
from typing import Protocol

Cell = str | int | float


@dataclass(frozen=True, kw_only=True)
class Table:
    """A view's numbers as rows under named columns; a column's unit is in its name."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


class View(Protocol):
    """Checked numbers for one picture, a frozen dataclass of plain values and arrays.

    `plots` draws it; the host sets `words` beside the picture as its alternative text,
    and the table under it for whoever wants the numbers.
    """

    @property
    def title(self) -> str:
        """What the picture is of, in one line."""

    def words(self) -> str:
        """What the picture shows, in one to three sentences with its main numbers."""

    def table(self) -> Table:
        """The numbers that the picture is drawn from."""
