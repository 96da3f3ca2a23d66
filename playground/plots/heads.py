"""Heads beside each other: what each one does, and how alike those of a group are."""

from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from playground.plots.drawing import draw
from playground.plots.heat import field, scale, shares
from playground.plots.marks import letter, subtitle, whole_numbers
from playground.plots.style import Style
from playground.views.head_finder import PATTERNS, HeadFinderView
from playground.views.head_groups import HeadGroupsView
from playground.views.mass_cut import MassCutView

MOST_NUMBERS = 12  # heads of a layer whose likeness is lettered
SHARES = ("previous_token", "induction", "first_token", "itself")


@draw.register
def draw_head_finder(view: HeadFinderView, figure: Figure, style: Style) -> str:
    """A field of layers and heads for each pattern; a ring around the clearest."""
    across = 2 if style.narrow else 3
    lines = ceil(len(PATTERNS) / across)
    height = min(3.2, 0.9 + 0.11 * len(view.layers))
    figure.set_figheight(1.2 + lines * height)
    grid = figure.subplots(lines, across, squeeze=False, sharex=True, sharey=True)
    for axes, (name, words) in zip(grid.flat, PATTERNS.items(), strict=True):
        numbers = view.shown(name)
        norm = shares() if name in SHARES else Normalize(0, _highest(view, name))
        image = field(axes, numbers, style, norm)
        bar = figure.colorbar(image, ax=axes, aspect=12, pad=0.03)
        bar.outline.set_visible(False)
        axes.set_title(words, loc="left", size=style.size, color=style.ink)
        _layer_ticks(axes, view.layers)
        _ring(axes, view, name, style)
    for axes in grid[-1]:
        axes.set_xlabel("head")
        whole_numbers(axes.xaxis, style)
    for axes in grid[:, 0]:
        axes.set_ylabel("layer")
    return view.words()


@draw.register
def draw_head_groups(view: HeadGroupsView, figure: Figure, style: Style) -> str:
    """How alike each pair of heads is; a frame around those of one group."""
    heads = len(view.likeness)
    figure.set_figheight(4.9 if style.narrow else 5.6)
    axes = figure.subplots()
    image = field(axes, view.likeness, style, Normalize(0, 1), aspect="equal")
    if heads <= MOST_NUMBERS:
        for row, column in np.ndindex(heads, heads):
            likeness = view.likeness[row, column]
            color = style.over(style.tint(float(likeness)))
            letter(axes, (column, row), f"{likeness:.2f}", style, color=color)
    for group in view.groups:
        low, size = group[0] - 0.5, len(group)
        axes.plot(
            np.array((0, size, size, 0, 0)) + low,
            np.array((0, 0, size, size, 0)) + low,
            color=style.warm,
            lw=2.0,
            clip_on=False,
        )
    axes.set_xticks(range(heads), [f"{head}" for head in range(heads)])
    axes.set_yticks(range(heads), [f"{head}" for head in range(heads)])
    axes.set(xlabel="head (a frame: heads that share keys and values)", ylabel="head")
    scale(figure, image, axes, "likeness (1: the same attention)", style)
    return view.words()


@draw.register
def draw_mass_cut(view: MassCutView, figure: Figure, style: Style) -> str:
    """Each head's mean share cut, and over the text the mean of all heads."""
    figure.set_figheight(3.4 + 0.09 * len(view.layers) + (1 if style.narrow else 0))
    heads, text = figure.subplots(2, height_ratios=(1.5, 1))
    highest = max(float(view.by_head.max()), 0.01)
    image = field(heads, view.by_head, style, shares(highest))
    _layer_ticks(heads, view.layers)
    whole_numbers(heads.xaxis, style)
    heads.set(xlabel="head", ylabel="layer")
    scale(figure, image, heads, "mean share cut", style)
    number = len(view.labels)
    places = np.arange(number)
    text.fill_between(places, view.by_position, color=style.accent, step="mid", lw=0)
    if view.hides:
        text.axvline(view.sliding_window - 0.5, color=style.warm, lw=1.2)
        words = (
            f"All heads; from the line on the window of {view.sliding_window:,} is full"
        )
        subtitle(text, words, style)
    text.set(xlim=(-0.5, number - 0.5), ylim=(0, None))
    text.set(xlabel="position of the query (tokens)", ylabel="share cut")
    whole_numbers(text.xaxis, style)
    text.spines[["top", "right"]].set_visible(False)
    return view.words()


def _highest(view: HeadFinderView, name: str) -> float:
    numbers = getattr(view, name)
    return 1.0 if np.isnan(numbers).all() else max(float(np.nanmax(numbers)), 1e-6)


def _layer_ticks(axes: Axes, layers: tuple[int, ...]) -> None:
    step = ceil(len(layers) / 8)
    shown = range(0, len(layers), step)
    axes.set_yticks(list(shown), [f"{layers[row]}" for row in shown])


def _ring(axes: Axes, view: HeadFinderView, name: str, style: Style) -> None:
    """Around the head that has most of this pattern."""
    if (found := view.strongest(name)) is None:
        return
    layer, head, number = found
    row = view.layers.index(layer)
    ring: dict[str, Any] = {
        "marker": "o",
        "ms": 9,
        "mfc": "none",
        "mec": style.warm,
        "mew": 2,
    }
    axes.add_line(Line2D([head], [row], **ring))
    told = f"{number:.0%}" if name in SHARES else f"{number:.1f}"
    left = head > view.previous_token.shape[1] / 2
    letter(
        axes,
        (head - 0.7 if left else head + 0.7, row),
        f"L{layer} H{head}: {told}",
        style,
        ha="right" if left else "left",
        bbox={"facecolor": style.paper, "edgecolor": "none", "pad": 1, "alpha": 0.85},
    )
