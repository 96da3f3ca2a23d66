"""What several pictures share: keys to colours, tokens on axes, text as boxes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

from playground.plots.lettering import printable
from playground.plots.style import Style


def key(figure: Figure, handles: Sequence[Artist], style: Style) -> None:
    """What the colours mean, under the picture, in as few lines as fit."""
    widest = max(len(str(handle.get_label())) for handle in handles) + 6
    across = max(1, min(len(handles), style.characters(style.small) // widest))
    in_rows = [handle for column in range(across) for handle in handles[column::across]]
    figure.legend(
        handles=in_rows,
        loc="outside lower left",
        ncols=across,
        fontsize=style.small,
        labelcolor=style.ink,
        frameon=False,
        handlelength=1.4,
        columnspacing=1.2,
    )


def swatch(label: str, color: str, style: Style, hatch: str = "") -> Patch:
    """An entry of the key: a box, hatched in the paper's colour."""
    edge = style.paper if hatch else style.line
    return Patch(
        facecolor=color, edgecolor=edge, hatch=hatch, label=label, linewidth=0.6
    )


def whole_numbers(axis: Axis, style: Style) -> None:
    """Ticks at whole numbers, with a comma for thousands."""
    axis.set_major_locator(MaxNLocator(4 if style.narrow else 8, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def token_ticks(
    axis: Axis, labels: Sequence[str], style: Style, most: int, start: int = 0
) -> bool:
    """The tokens beside their rows or columns, if they are at most `most`.

    Token i is at `start + i`. Gives whether they fit; else ticks are positions.
    """
    if len(labels) > most:
        whole_numbers(axis, style)
        return False
    at = start + np.arange(len(labels))
    axis.set_ticks(at, [printable(label, limit=12) for label in labels])
    if axis is axis.axes.xaxis:
        axis.axes.tick_params(axis="x", labelrotation=90)
    return True


def subtitle(axes: Axes, text: str, style: Style) -> None:
    """What one of several axes shows."""
    axes.set_title(text, loc="left", size=style.size, color=style.muted)


def letter(
    axes: Axes, at: tuple[float, float], words: str, style: Style, **options: Any
) -> Text:
    """Small text at a place, centred and in ink unless `options` say otherwise."""
    look = {"size": style.small, "color": style.ink, "ha": "center", "va": "center"}
    return axes.text(*at, words, **{**look, **options})


def no_frame(axes: Axes) -> None:
    """An axes without lines and ticks."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
