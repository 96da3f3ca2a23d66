"""Contrastive search: what speaks for each candidate, and what against it."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from playground.plots.drawing import draw
from playground.plots.lettering import printable
from playground.plots.marks import key, swatch
from playground.plots.style import Style
from playground.views.contrastive import ContrastiveView


@draw.register
def draw_contrastive(view: ContrastiveView, figure: Figure, style: Style) -> str:
    """Confidence to the right, the penalty to the left, the score as a mark."""
    rows = len(view.candidates)
    figure.set_figheight(1.9 + 0.26 * rows)
    axes = figure.subplots()
    for n in range(rows):
        _draw_candidate(axes, view, n, style)
    axes.axvline(0, color=style.muted, lw=0.8)
    names = [
        f"{printable(label, limit=12)}{' (taken)' if n == view.chosen else ''}"
        for n, label in enumerate(view.labels)
    ]
    axes.set_yticks(range(rows), names)
    axes.set(ylim=(rows - 0.45, -0.55), xlabel="← penalty        confidence →")
    axes.margins(x=0.12)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    score = Line2D([], [], color=style.ink, lw=0, marker="D", ms=5)
    score.set_label("score: what is left (written beside)")
    alpha = view.alpha
    handles = [
        swatch(f"confidence: {1 - alpha:.2g} · probability", style.accent, style),
        swatch(f"penalty: {alpha:.2g} · similarity", style.warm, style, hatch="////"),
        score,
    ]
    key(figure, handles, style)
    return (
        "Of the likely tokens, the one whose hidden state is least like those before. "
        + view.words()
    )


def _draw_candidate(axes: Axes, view: ContrastiveView, n: int, style: Style) -> None:
    score = view.candidates[n].score
    axes.barh(n, view.confidence(n), color=style.accent, height=0.6)
    axes.barh(
        *(n, -view.penalty(n)),
        color=style.warm,
        height=0.6,
        hatch="////",
        edgecolor=style.paper,
        linewidth=0,
    )
    axes.plot(
        *([score], [n]), color=style.ink, marker="D", ms=6, mec=style.paper, zorder=3
    )
    axes.text(
        *(view.confidence(n) + 0.01, n, f" {score:+.3f}"),
        size=style.small,
        color=style.ink,
        weight="bold" if n == view.chosen else "normal",
        va="center",
    )
