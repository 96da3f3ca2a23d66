"""Attention as fields: queries down, keys across."""

from math import ceil
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from playground.plots.drawing import draw
from playground.plots.heat import field, scale, shares
from playground.plots.marks import key, token_ticks
from playground.plots.style import Style
from playground.views.attention import AttentionView, LayerView

MOST_LABELS, MOST_LABELS_NARROW = 48, 14
IN_A_LINE, IN_A_LINE_NARROW = 5, 3


@draw.register
def draw_attention(view: AttentionView, figure: Figure, style: Style) -> str:
    """One head: each row shows how a token's attention is shared out."""
    figure.set_figheight(5.2 if style.narrow else 6.2)
    axes = figure.subplots()
    number, by = len(view.labels), view.units.by
    if view.weights is not None:
        image: ScalarMappable = field(
            axes, _causal(view.weights), style, shares(), aspect="equal"
        )
    else:
        image = _draw_links(axes, view, style)
    axes.set(xlim=(-0.5, number - 0.5), ylim=(number - 0.5, -0.5))
    most = MOST_LABELS_NARROW if style.narrow else MOST_LABELS
    token_ticks(axes.xaxis, view.labels, style, most)
    token_ticks(axes.yaxis, view.labels, style, most)
    axes.set(xlabel=f"key: the {by} it looks at", ylabel=f"query: the {by} that looks")
    scale(figure, image, axes, "share of the query's attention", style)
    entries = _draw_borders(axes, view, style)
    if entries:
        key(figure, entries, style)
    return view.words()


@draw.register
def draw_layer(view: LayerView, figure: Figure, style: Style) -> str:
    """All heads of a layer, small, on one scale of colours."""
    heads = len(view.weights)
    across = min(heads, IN_A_LINE_NARROW if style.narrow else IN_A_LINE)
    lines = ceil(heads / across)
    figure.set_figheight(1.2 + lines * (style.width / across + 0.15))
    grid = figure.subplots(lines, across, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[heads:]:
        axes.set_visible(False)
    for head, weights in enumerate(view.weights):
        axes = grid.flat[head]
        image = field(axes, _causal(weights), style, shares(), aspect="equal")
        axes.set_title(f"head {head}", loc="left", size=style.small, color=style.ink)
        axes.set(xticks=[], yticks=[])
    scale(figure, image, list(grid.flat), "share of attention", style)
    return f"{view.words()} Queries go down, keys across."


def _causal(weights: np.ndarray) -> np.ndarray:
    """With NaN where the key is after the query, and so cannot be looked at."""
    query, key_ = np.indices(weights.shape)
    return np.where(key_ > query, np.nan, weights)


def _draw_links(axes: Axes, view: AttentionView, style: Style) -> ScalarMappable:
    """A long text: a dot for each of the strongest links of each query."""
    to, weights = view.looks_at.positions, view.looks_at.weights
    queries = np.repeat(np.arange(len(to)), to.shape[1])
    order = np.argsort(weights, axis=None)  # the strong ones over the weak ones
    order = order[to.flat[order] >= 0]
    axes.set_aspect("equal")
    return axes.scatter(
        to.flat[order],
        queries[order],
        c=weights.flat[order],
        s=1.5,
        marker="s",
        linewidths=0,
        cmap=style.ramp,
        norm=shares(),
        rasterized=True,
    )


def _draw_borders(axes: Axes, view: AttentionView, style: Style) -> list[Artist]:
    """Where the window ends, for tokens, and where the answer begins."""
    entries: list[Artist] = []
    number, window, prompt = len(view.labels), view.sliding_window, view.prompt_length
    if view.units.by == "token" and window < number:
        ends = ((-0.5, number - window - 0.5), (window - 0.5, number - 0.5))
        entries += axes.plot(
            *ends, color=style.warm, lw=1.2, label=f"the window of {window:,} ends"
        )
    if 0 < prompt < number:
        line: dict[str, Any] = {"color": style.ink, "lw": 0.9, "ls": "--"}
        entries.append(axes.axhline(prompt - 0.5, label="the answer begins", **line))
        axes.axvline(prompt - 0.5, **line)
    return entries
