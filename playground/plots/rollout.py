"""The rollout: layer by layer, what a token is put together from."""

import numpy as np
from matplotlib.figure import Figure

from playground.plots.drawing import draw
from playground.plots.heat import field, scale, shares
from playground.plots.marks import key, token_ticks, whole_numbers
from playground.plots.style import Style
from playground.views.rollout import RolloutView


@draw.register
def draw_rollout(view: RolloutView, figure: Figure, style: Style) -> str:
    """Layers up, tokens across; the line is how far the window lets each layer see."""
    layers = len(view.shares)
    end = view.position + 1
    figure.set_figheight(2.4 + min(3.0, 0.18 * layers) + (0.5 if style.narrow else 0))
    axes = figure.subplots()
    shown = np.where(view.shares[:, :end] > 0, view.shares[:, :end], np.nan)
    image = field(axes, shown, style, shares())
    axes.invert_yaxis()
    reach = view.position - (np.arange(layers) + 1) * (view.sliding_window - 1)
    if view.first_seen:
        edge = np.repeat(np.maximum(reach, 0) - 0.5, 2)
        level = np.repeat(np.arange(layers + 1) - 0.5, 2)[1:-1]
        line = axes.plot(
            edge, level, color=style.warm, lw=1.4, label="how far the window reaches"
        )
        key(figure, line, style)
    axes.set(ylim=(-0.5, layers - 0.5), ylabel="after layer")
    whole_numbers(axes.yaxis, style)
    most = 22 if style.narrow else 52
    fits = token_ticks(axes.xaxis, view.labels[:end], style, most)
    axes.set_xlabel("" if fits else "position (tokens)")
    scale(figure, image, axes, "share of the token", style)
    return view.words()
