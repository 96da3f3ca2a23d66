"""The same text under other windows: three numbers for each."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from playground.plots.drawing import draw
from playground.plots.marks import letter
from playground.plots.style import Style
from playground.views.amounts import bits
from playground.views.what_if import WhatIfView


@draw.register
def draw_what_if(view: WhatIfView, figure: Figure, style: Style) -> str:
    """Surprisal, change of the next token, and how long greedy text stays the same."""
    panels = [
        ("surprisal (bits a token)", bits(view.loss)),
        ("change of the next token (bits)", bits(view.mean_divergence)),
    ]
    if len(view.greedy) > 1 and view.own in view.greedy:
        panels.append(("greedy tokens until they differ", _agreeing(view)))
    across = 1 if style.narrow else len(panels)
    lines = len(panels) // across
    height = 0.55 + 0.27 * len(view.windows)
    figure.set_figheight(0.9 + lines * height + 0.2)
    grid = figure.subplots(lines, across, squeeze=False, sharey=True)
    for axes, (words, numbers) in zip(grid.flat, panels, strict=True):
        _draw_bars(axes, view, numbers, words, style)
    for axes in grid[:, 0]:
        axes.set_ylabel("window (tokens)")
    return view.words()


def _agreeing(view: WhatIfView) -> np.ndarray:
    """How many greedy tokens are the own window's, NaN where that is not known."""
    whole = len(view.greedy[view.own])
    return np.array(
        [
            np.nan
            if window not in view.greedy
            else whole
            if differs is None
            else differs
            for window, differs in zip(view.windows, view.first_difference, strict=True)
        ]
    )


def _draw_bars(
    axes: Axes, view: WhatIfView, numbers: np.ndarray, words: str, style: Style
) -> None:
    at = np.arange(len(view.windows))
    own = view.windows.index(view.own)
    colors = [style.accent if n == own else style.tint(0.28) for n in at]
    axes.barh(at, np.nan_to_num(numbers), color=colors, height=0.72)
    for row, number in zip(at, numbers, strict=True):
        whole = float(number).is_integer() and "tokens" in words
        told = "not tried" if np.isnan(number) else f"{number:.3g}"
        words_there = f" {int(number)}" if whole else f" {told}"
        at_end = (float(np.nan_to_num(number)), float(row))
        letter(axes, at_end, words_there, style, ha="left")
    names = [
        f"{window:,}{' (all)' if window >= len(view.labels) else ''}"
        f"{', this run' if n == own else ''}"
        for n, window in enumerate(view.windows)
    ]
    axes.set_yticks(at, names)
    axes.set(ylim=(len(at) - 0.5, -0.5), xlabel=words)
    axes.set_xlim(0, max(float(np.nanmax(numbers)), 1e-6) * 1.25)
    axes.spines[["top", "right"]].set_visible(False)
