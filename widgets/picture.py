"""A view that shows itself: as picture, words and numbers, or as text."""

import base64
from collections.abc import Sequence
from functools import cached_property
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from playground import plots
from playground.interface.view_html import numbers_html
from playground.views.view import Cell, Table, View

PRINTED_ROWS = 20


class Shown:
    """A view, ready to be looked at; `view` has its numbers.

    Its picture is the value of a notebook's cell, with alternative text and a table;
    printed, it is its title, its words and its first rows.
    """

    def __init__(self, view: View, *, dark: bool = False) -> None:
        self.view = view
        self.dark = dark

    @cached_property
    def png(self) -> bytes:
        """The picture as a file."""
        return plots.picture(self.view, dark=self.dark)

    @property
    def table(self) -> Table:
        """The numbers of the picture."""
        return self.view.table()

    def figure(self, *, narrow: bool = False) -> Figure:
        """The picture as Matplotlib's, to be changed."""
        return plots.figure(self.view, dark=self.dark, narrow=narrow)

    def save(self, path: str | Path) -> None:
        """Write the picture, .png or .svg. Raises ValueError for another ending."""
        path = Path(path)
        ending = path.suffix.lstrip(".").lower()
        if ending not in ("png", "svg"):
            raise ValueError(f"A picture is a .png or an .svg, got {path.name!r}.")
        kind: plots.FileFormat = "png" if ending == "png" else "svg"
        path.write_bytes(plots.picture(self.view, kind, dark=self.dark))

    def _repr_html_(self) -> str:
        return _figure_html(self.view, _image_html(self.png, self.view))

    def __repr__(self) -> str:
        title, words = self.view.title, self.view.words()
        return "\n".join([title, words, "", *printed(self.table)])


def show(view: View, *, dark: bool = False) -> Shown:
    """Any view of `playground.views`, ready to be looked at."""
    return Shown(view, dark=dark)


def themed_html(shown: Shown) -> str:
    """The picture in the theme that the notebook has now; see style.css."""
    view, dark = shown.view, Shown(shown.view, dark=True)
    images = (
        _image_html(shown.png, view, "playground-light"),
        _image_html(dark.png, view, "playground-dark"),
    )
    return _figure_html(view, "".join(images))


def _figure_html(view: View, images: str) -> str:
    words, numbers = escape(view.words()), numbers_html(view.table())
    return (
        f'<figure class="view">{images}<figcaption>{words}</figcaption>{numbers}'
        "</figure>"
    )


def _image_html(png: bytes, view: View, theme: str = "") -> str:
    data = base64.b64encode(png).decode()
    return (
        f'<img class="{theme}" width="720" alt="{escape(view.words())}" '
        f'src="data:image/png;base64,{data}">'
    )


def printed(table: Table, most: int = PRINTED_ROWS) -> list[str]:
    """The table in columns of text, its first `most` rows."""
    rows = [table.columns, *(tuple(map(_text, row)) for row in table.rows[:most])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    left = len(table.rows) - most
    return [*lines, f"… {left:,} more rows"] if left > 0 else lines


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return "  ".join(cells).rstrip()


def _text(cell: Cell) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)
