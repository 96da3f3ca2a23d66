"""A token's candidates: how the chain narrowed the choice, and who was left."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from playground.plots.drawing import draw
from playground.plots.lettering import printable
from playground.plots.marks import key, no_frame, subtitle, swatch
from playground.plots.style import Style
from playground.views.amounts import percent
from playground.views.candidates import CandidatesView, CandidateToken

MOST, MOST_NARROW = 20, 12


@draw.register
def draw_candidates(view: CandidatesView, figure: Figure, style: Style) -> str:
    """The funnel, and beside it (below it on a phone) the candidates."""
    shown = _shown(view, MOST_NARROW if style.narrow else MOST)
    rows, stages = len(shown), len(view.stages)
    if style.narrow:
        figure.set_figheight(2.6 + 0.2 * (rows + 1.2 * stages))
        heights = (1.2 * stages + 1, rows + 1)
        funnel, table = figure.subplots(2, height_ratios=heights)
    else:
        figure.set_figheight(1.7 + 0.19 * max(rows, 2 * stages))
        funnel, table = figure.subplots(1, 2, width_ratios=(0.8, 1))
    _draw_funnel(funnel, view, style)
    _draw_candidates(table, shown, style)
    swatches = [
        swatch("under the model", style.tint(0.28), style),
        swatch("under the model, then dropped", style.line, style),
        swatch("after the sampler", style.accent, style),
        swatch("chosen", style.warm, style),
    ]
    key(figure, swatches, style)
    return view.caption


def _shown(view: CandidatesView, most: int) -> list[CandidateToken]:
    """The likeliest, and the chosen one whatever its rank."""
    shown = list(view.candidates[:most])
    return shown if view.chosen in shown else [*shown[:-1], view.chosen]


def _draw_funnel(axes: Axes, view: CandidatesView, style: Style) -> None:
    """A bar for each stage: the share of the model's probability that is left."""
    for y, stage in enumerate(view.stages):
        axes.barh(y, 1, color=style.faint, height=0.55)
        axes.barh(y, stage.probability, color=style.tint(0.28), height=0.55)
        words = f"{stage.tokens:,} left, {percent(stage.probability)}"
        axes.text(
            *(0.02, y, words),
            size=style.small,
            color=style.ink,
            va="center",
            clip_on=True,
        )
    names = [stage.stage for stage in view.stages]
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.6), xticks=[])
    no_frame(axes)
    subtitle(
        axes,
        "Tokens left after each stage, and the\nmodel's probability of them",
        style,
    )


def _draw_candidates(axes: Axes, shown: list[CandidateToken], style: Style) -> None:
    highest = max(max(each.before, each.after) for each in shown)
    for y, each in enumerate(shown):
        behind = style.tint(0.28) if each.is_kept else style.line
        axes.barh(y, each.before, color=behind, height=0.84)
        axes.barh(
            y,
            each.after,
            color=style.warm if each.is_chosen else style.accent,
            height=0.36,
        )
        axes.text(
            *(max(each.before, each.after) + highest * 0.02, y, _words(each)),
            size=style.small,
            color=style.ink if each.is_kept else style.muted,
            weight="bold" if each.is_chosen else "normal",
            va="center",
        )
    names = [f"{printable(each.label, limit=12)}  {each.rank}" for each in shown]
    axes.set_yticks(range(len(shown)), names)
    room = 2.1 if style.narrow else 1.6  # for the words beside the longest bar
    axes.set(xlim=(0, highest * room), ylim=(len(shown) - 0.4, -0.6))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    subtitle(
        axes, "The likeliest tokens with their rank:\nprobability before → after", style
    )


def _words(each: CandidateToken) -> str:
    told = (
        f"{percent(each.before)} → {percent(each.after) if each.is_kept else 'dropped'}"
    )
    return f"{told}  ◂ chosen" if each.is_chosen else told
