"""The reach: a cone from one token down to the embeddings."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from playground.plots.drawing import draw
from playground.plots.marks import key, swatch, token_ticks, whole_numbers
from playground.plots.style import Style
from playground.views.reach import ReachView


@draw.register
def draw_reach(view: ReachView, figure: Figure, style: Style) -> str:
    """One bar a layer: the positions whose output there can matter."""
    layers = view.window.num_layers
    figure.set_figheight(2.2 + min(3.4, 0.2 * layers))
    axes = figure.subplots()
    levels = np.arange(layers, -1, -1)
    widths = view.position - view.first + 1
    all_tokens = np.full(layers + 1, view.num_tokens)
    axes.barh(levels, all_tokens, left=-0.5, height=0.8, color=style.faint)
    axes.barh(levels, widths, left=view.first - 0.5, height=0.8, color=style.accent)
    axes.set(xlim=(_left(view) - 0.5, view.num_tokens - 0.5))
    axes.set(ylim=(-0.6, layers + 0.6))
    axes.set(ylabel="output of layer")
    fits = token_ticks(axes.xaxis, view.labels, style, 26 if style.narrow else 56)
    axes.set_xlabel("" if fits else "position (tokens)")
    whole_numbers(axes.yaxis, style)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda level, _: f"{level - 1:.0f}" if level else "embedding")
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    reaching = f"token {view.position:,} depends on it"
    key(
        figure,
        [
            swatch(reaching, style.accent, style),
            swatch("it cannot depend on it", style.faint, style),
        ],
        style,
    )
    return view.words()


def _left(view: ReachView) -> int:
    """Where the picture begins: at 0, unless the cone would be too small to see."""
    first = int(view.first[-1])
    cone = view.num_tokens - first
    return 0 if cone > view.num_tokens / 4 else first - cone // 4
