"""Tokens as running text, each on a box in its colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from playground.plots.lettering import MONO
from playground.plots.marks import no_frame
from playground.plots.style import Style

MONO_WIDTH = 0.602  # of a character, in parts of the font's size


@dataclass(frozen=True, kw_only=True)
class RunningText:
    """Printable names of tokens in lines of `width` characters of `size` points."""

    names: Sequence[str]
    width: int
    size: float
    places: Sequence[tuple[int, int]]

    @property
    def lines(self) -> int:
        return self.places[-1][0] + 1 if self.places else 1

    def letter(
        self,
        axes: Axes,
        fills: Sequence[str | None],
        style: Style,
        *,
        top: int = 0,
        edge: float = 0,
        answer: int | None = None,
    ) -> None:
        """Draw from line `top` on; without a fill a token has no box.

        A bar stands before token `answer`.
        """
        words = zip(self.names, self.places, fills, strict=True)
        for name, (line, column), fill in words:
            ink = style.muted
            if fill is not None:
                corner = column + 0.05, top + line + 0.06
                box = Rectangle(corner, _length(name) - 0.1, 0.88)
                box.set(facecolor=fill, edgecolor=style.line, linewidth=edge)
                axes.add_patch(box)
                ink = ink if fill == style.paper else style.over(fill)
            look: dict[str, Any] = {
                "family": MONO,
                "size": self.size,
                "color": ink,
                "va": "center",
            }
            axes.text(column + 0.1, top + line + 0.5, name, **look)
        if answer is not None:
            line, column = self.places[answer]
            axes.plot((column, column), (line, line + 1), color=style.warm, lw=2.5)


def running_text(names: Sequence[str], style: Style, size: float) -> RunningText:
    """The names across the picture."""
    width = int((style.width - 0.35) * 72 / (MONO_WIDTH * size))
    places = flow(list(map(_length, names)), width)
    return RunningText(names=names, width=width, size=size, places=places)


def page(axes: Axes, width: int, lines: int) -> None:
    """Room for lines of `width` characters, and nothing else."""
    axes.set(xlim=(0, width), ylim=(lines, 0), xticks=[], yticks=[])
    no_frame(axes)


def flow(lengths: Sequence[int], width: int) -> list[tuple[int, int]]:
    """Where words of so many characters go in lines of `width`: (line, column).

    >>> flow((3, 4, 3, 5), 8)
    [(0, 0), (0, 3), (1, 0), (1, 3)]
    """
    places, line, column = [], 0, 0
    for length in lengths:
        if column and column + length > width:
            line, column = line + 1, 0
        places.append((line, column))
        column += length
    return places


def answer_bar(style: Style) -> Line2D:
    """The entry of the key for where the answer begins."""
    bar = Line2D([], [], color=style.warm, lw=0, marker="|", ms=9, mew=2.5)
    bar.set_label("the answer begins")
    return bar


def _length(name: str) -> int:
    """As it is lettered."""
    return len(name.replace(r"\$", "$"))
