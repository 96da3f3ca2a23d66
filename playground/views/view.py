"""What every view can do, so that a host shows any of them in the same way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

Cell = str | int | float


@dataclass(frozen=True, kw_only=True)
class Table:
    """A view's numbers as rows under named columns; a column's unit is in its name."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @classmethod
    def of(cls, columns: Mapping[str, Iterable[Any]]) -> Self:
        """From the cells of each column, an array's as Python's numbers.

        >>> Table.of({"layer": range(2), "share": np.array([0.5, 1.0])}).rows
        ((0, 0.5), (1, 1.0))
        """
        cells = (
            c.tolist() if isinstance(c, np.ndarray) else c for c in columns.values()
        )
        return cls(columns=tuple(columns), rows=tuple(zip(*cells, strict=True)))


class View(Protocol):
    """Checked numbers for one picture, a frozen dataclass of plain values and arrays.

    `plots` draws it; the host sets `words` beside the picture as its alternative text,
    and the table under it for those who want the numbers.
    """

    @property
    def title(self) -> str:
        """What the picture is of, in one line."""

    def words(self) -> str:
        """What the picture shows, in one to three sentences with its main numbers."""

    def table(self) -> Table:
        """The numbers that the picture is drawn from."""
