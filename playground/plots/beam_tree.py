"""The beam tree: steps from left to right, the likeliest texts on top."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from playground.plots.drawing import draw
from playground.plots.lettering import printable
from playground.plots.marks import key, swatch
from playground.plots.style import Style
from playground.views.amounts import bits
from playground.views.beam_tree import FATES, BeamNode, BeamTreeView, Fate

STEPS_NARROW = 5
HALF_WIDTH, HALF_HEIGHT = 0.4, 0.36  # of a node, in steps and ranks
_SHORT: dict[Fate, str] = {
    "best": "the best text",
    "kept": "kept to the end",
    "lost": "kept, then overtaken (dashed)",
    "pruned": "never kept",
}


@draw.register
def draw_beam_tree(view: BeamTreeView, figure: Figure, style: Style) -> str:
    """Each node in the column of its step, at its rank there."""
    first = view.first_step
    if style.narrow:
        first = max(first, view.num_steps - STEPS_NARROW + 1)
    steps = range(first, view.num_steps + 1)
    at = {
        n: (step, rank) for step in steps for rank, n in enumerate(view.of_step(step))
    }
    ranks = 1 + max(rank for _, rank in at.values())
    figure.set_figheight(1.6 + 0.42 * ranks)
    axes = figure.subplots()
    for n, place in at.items():
        parent = view.nodes[n].parent
        if parent in at:
            _draw_edge(axes, at[parent], place, view.nodes[n], style)
    for n, place in at.items():
        _draw_node(axes, view.nodes[n], place, style)
    axes.set(xlim=(first - 0.5, view.num_steps + 0.5), ylim=(ranks - 0.45, -0.55))
    axes.set(xlabel="new token (step)", ylabel="rank in its step")
    axes.set_xticks(list(steps))
    axes.set_yticks(range(ranks), [str(rank + 1) for rank in range(ranks)])
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    fates = {view.nodes[n].fate for n in at}
    key(figure, [_swatch(fate, style) for fate in FATES if fate in fates], style)
    return (
        f"Under each token the log-probability of its whole text; the best has "
        f"{bits(view.log_probability):.2f} bits. ■ ends a text."
    )


def fill(fate: Fate, style: Style) -> str:
    return {
        "best": style.accent,
        "kept": style.tint(0.28),
        "lost": style.faint,
        "pruned": style.paper,
    }[fate]


def _swatch(fate: Fate, style: Style) -> Patch:
    patch = swatch(_SHORT[fate], fill(fate, style), style)
    patch.set(edgecolor=style.line, linewidth=0.6)
    return patch


def _draw_edge(
    axes: Axes,
    parent: tuple[int, int],
    child: tuple[int, int],
    node: BeamNode,
    style: Style,
) -> None:
    is_best = node.fate == "best"
    axes.plot(
        (parent[0] + HALF_WIDTH, child[0] - HALF_WIDTH),
        (parent[1], child[1]),
        color=style.accent if is_best else style.line,
        lw=2 if is_best else 0.8,
        zorder=2 if is_best else 1,
    )


def _draw_node(
    axes: Axes, node: BeamNode, place: tuple[int, int], style: Style
) -> None:
    step, rank = place
    color = fill(node.fate, style)
    box = Rectangle(
        (step - HALF_WIDTH, rank - HALF_HEIGHT), 2 * HALF_WIDTH, 2 * HALF_HEIGHT
    )
    dashed = node.fate == "lost"
    box.set(facecolor=color, edgecolor=style.muted if dashed else style.line)
    box.set(linestyle="--" if dashed else "-", linewidth=0.8, zorder=3)
    axes.add_patch(box)
    ink = style.muted if node.fate == "pruned" else style.over(color)
    name = printable(node.label, limit=7) + (" ■" if node.is_finished else "")
    both: dict[str, Any] = {
        "ha": "center",
        "color": ink,
        "zorder": 4,
        "in_layout": False,
    }
    axes.text(step, rank - 0.02, name, size=style.small, va="bottom", **both)
    number = f"{bits(node.log_probability):.2f}"
    axes.text(step, rank + 0.06, number, size=style.small - 1, va="top", **both)
