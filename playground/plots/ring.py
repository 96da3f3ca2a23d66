"""The ring: its slots at the end of a run as a circle, and over the run as rows."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from playground.plots.drawing import draw
from playground.plots.marks import key, letter, subtitle, swatch, whole_numbers
from playground.plots.style import Style
from playground.views.ring import NO_SLOT, RingView

STATES = ("no such slot yet", "empty", "kept, but out of the window", "seen")
MOST_BARS = 128  # slots that are drawn as arcs; more are a mesh
MOST_NUMBERS = 24  # slots of a circle that have room for their position


@draw.register
def draw_ring(view: RingView, figure: Figure, style: Style) -> str:
    """Left the circle now, right what each slot held as the text was read."""
    if style.narrow:
        figure.set_figheight(7.0)
        top, bottom = figure.subfigures(2, 1, squeeze=False).flat
    else:
        figure.set_figheight(4.6)
        top, bottom = figure.subfigures(1, 2, squeeze=False).flat
    circle = top.add_subplot(projection="polar")
    assert isinstance(circle, PolarAxes)
    colors = state_colors(style)
    _draw_circle(circle, view, colors, style)
    _draw_rows(bottom.subplots(), view, colors, style)
    entries = [
        swatch(f"{name} by the newest token" if name == "seen" else name, color, style)
        for name, color in zip(STATES, colors, strict=True)
    ]
    key(figure, entries[:0:-1], style)
    return view.words()


def state_colors(style: Style) -> tuple[str, ...]:
    """One for each of STATES."""
    return (style.paper, style.faint, style.tint(0.28), style.accent)


def states(held: np.ndarray, read: np.ndarray, window: int) -> np.ndarray:
    """For each moment and slot the index into STATES: [M, S] and [M] -> [M, S]."""
    seen = read[:, None] - 1 - held < window
    return np.select([held == NO_SLOT, held < 0, ~seen], [0, 1, 2], 3)


def _draw_circle(
    axes: PolarAxes, view: RingView, colors: tuple[str, ...], style: Style
) -> None:
    """Slot 0 is at the top, the others follow clockwise."""
    slots = view.num_slots
    edges = np.linspace(0, 2 * np.pi, slots + 1)
    now = states(view.now[None], np.array([view.num_read]), view.window)
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    few = slots <= MOST_NUMBERS
    if slots <= MOST_BARS:
        fills = [colors[state] for state in now[0]]
        middles, rims = (edges[:-1] + edges[1:]) / 2, style.paper if few else fills
        axes.bar(
            middles, 0.38, edges[1], 0.62, color=fills, edgecolor=rims, linewidth=0.8
        )
    else:
        cmap = ListedColormap(colors)
        axes.pcolormesh(edges, [0.62, 1.0], now, cmap=cmap, vmin=0, vmax=3)
    if few:
        for slot, position in enumerate(view.now):
            color = colors[int(now[0, slot])]
            at = ((slot + 0.5) / slots * 2 * np.pi, 0.81)
            words = "" if position < 0 else f"{position}"
            letter(axes, at, words, style, color=style.over(color))
    next_slot = view.num_read % slots
    axes.annotate(
        "",
        xy=((next_slot + 0.5) / slots * 2 * np.pi, 0.62),
        xytext=((next_slot + 0.5) / slots * 2 * np.pi, 0.47),
        arrowprops={"arrowstyle": "-|>", "color": style.warm, "lw": 2},
    )
    where = f"{view.num_read:,} mod {slots:,} = {next_slot:,}"
    words = f"position {view.num_read:,}\ngoes to slot\n{where}"
    letter(axes, (0, 0), words, style)
    shown = np.arange(slots) if few else np.linspace(0, slots, 5)[:-1].astype(int)
    axes.set_xticks((shown + 0.5) / slots * 2 * np.pi, [f"{s:,}" for s in shown])
    axes.set(yticks=[], ylim=(0, 1))
    axes.grid(False)
    axes.spines[:].set_visible(False)
    subtitle(axes, "Now: slots, clockwise", style)


def _draw_rows(
    axes: Axes, view: RingView, colors: tuple[str, ...], style: Style
) -> None:
    """A row is a moment: what each slot held when so many tokens were read."""
    slots = np.arange(view.num_slots + 1)
    moments = np.concatenate([[0], view.read])
    held = states(view.held, view.read, view.window)
    cmap = ListedColormap(colors)
    axes.pcolormesh(slots, moments, held, cmap=cmap, vmin=0, vmax=3)
    axes.set(ylim=(view.num_read, 0), xlabel="slot", ylabel="tokens read")
    if 0 < view.num_prompt < view.num_read:
        axes.axhline(view.num_prompt, color=style.ink, lw=1.2, ls="--")
        box = {"facecolor": style.paper, "edgecolor": "none", "pad": 1.5}
        at = (view.num_slots, view.num_prompt)
        letter(axes, at, "prompt read ", style, ha="right", bbox=box)
    whole_numbers(axes.xaxis, style)
    whole_numbers(axes.yaxis, style)
    subtitle(axes, "Over time: what each slot held", style)
