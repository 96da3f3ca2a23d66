"""Answers one under the other, from where they part."""

import textwrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from playground.plots.drawing import draw
from playground.plots.lettering import printable
from playground.plots.marks import box_text, columns, flow, key, no_frame, swatch
from playground.plots.style import Style
from playground.views.amounts import tokens
from playground.views.comparison import ComparedRun, ComparisonView

MOST_TOKENS, MOST_TOKENS_NARROW = 120, 60


@draw.register
def draw_comparison(view: ComparisonView, figure: Figure, style: Style) -> str:
    """A block of text for each run, its settings above it."""
    axes, line, width = figure.subplots(), 0, columns(style, style.size)
    for run in view.runs:
        line = _draw_run(axes, run, line, width, style)
    figure.set_figheight(1.3 + 0.23 * line)
    axes.set(xlim=(0, width), ylim=(line, 0), xticks=[], yticks=[])
    no_frame(axes)
    swatches = [swatch("as in the first text", style.faint, style)]
    if view.diverges_at is not None:
        swatches += [
            swatch("where a text leaves the first one", style.warm, style),
            swatch("behind that", style.tint(0.28), style),
        ]
    key(figure, swatches, style)
    return view.words()


def _draw_run(
    axes: Axes,
    run: ComparedRun,
    line: int,
    width: int,
    style: Style,
) -> int:
    """Draws from `line` on; gives the line behind it."""
    most = MOST_TOKENS_NARROW if style.narrow else MOST_TOKENS
    names = [printable(label, limit=24) for label in run.labels[:most]]
    names += [" …"] if len(run.labels) > most else []
    places = flow([name.replace(r"\$", "$") for name in names], width)
    head: dict[str, Any] = {"size": style.size, "color": style.ink, "weight": "bold"}
    line = _write(axes, run.name, line, width, **head)
    for n, (name, (down, column)) in enumerate(zip(names, places, strict=True)):
        _draw_token(axes, run, n, name, (line + down, column), style)
    line += places[-1][0] + 1 if places else 1
    return 1 + _write(
        axes, _told(run), line, width, size=style.small, color=style.muted
    )


def _write(axes: Axes, text: str, line: int, width: int, **look: Any) -> int:
    """Writes in lines of `width` characters, from `line` on; gives the line behind."""
    wrapped = textwrap.wrap(text, width)[:3]
    for n, words in enumerate(wrapped):
        told = printable(words, limit=width)
        axes.text(0.1, line + n + 0.5, told, va="center", in_layout=False, **look)
    return line + len(wrapped)


def _draw_token(
    axes: Axes,
    run: ComparedRun,
    n: int,
    name: str,
    place: tuple[int, int],
    style: Style,
) -> None:
    color = style.faint
    if run.diverges_at is not None and n >= run.diverges_at:
        color = style.warm if n == run.diverges_at else style.tint(0.28)
    line, column = place
    width = len(name.replace(r"\$", "$"))
    axes.add_patch(
        Rectangle((column + 0.05, line + 0.06), width - 0.1, 0.88, color=color, lw=0)
    )
    box_text(axes, place, name, style.size, style.over(color))


def _told(run: ComparedRun) -> str:
    summary = run.summary
    told = [tokens(summary.num_tokens)]
    if summary.perplexity is not None:
        told.append(f"perplexity {summary.perplexity:,.1f}")
    if summary.distinct_2 is not None:
        told.append(
            f"distinct-1 {summary.distinct_1:.2f}, distinct-2 {summary.distinct_2:.2f}"
        )
    if run.end:
        told.append(f"ended: {run.end}")
    return " · ".join(told)
