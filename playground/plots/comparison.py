"""Answers one under the other, from where they part."""

import textwrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from playground.plots.drawing import draw
from playground.plots.lettering import printable
from playground.plots.marks import key, swatch
from playground.plots.running_text import page, running_text
from playground.plots.style import Style
from playground.views.amounts import tokens
from playground.views.comparison import ComparedRun, ComparisonView

MOST_TOKENS, MOST_TOKENS_NARROW = 120, 60


@draw.register
def draw_comparison(view: ComparisonView, figure: Figure, style: Style) -> str:
    """A block of text for each run, its settings above it."""
    axes, line, width = figure.subplots(), 0, 0
    for run in view.runs:
        line, width = _draw_run(axes, run, line, style)
    figure.set_figheight(1.3 + 0.23 * line)
    page(axes, width, line)
    swatches = [swatch("as in the first text", style.faint, style)]
    if view.diverges_at is not None:
        swatches += [
            swatch("where a text leaves the first one", style.warm, style),
            swatch("after that", style.tint(0.28), style),
        ]
    key(figure, swatches, style)
    return view.words()


def _draw_run(axes: Axes, run: ComparedRun, line: int, style: Style) -> tuple[int, int]:
    """Draws from `line` on; gives the line after it, and the characters of a line."""
    most = MOST_TOKENS_NARROW if style.narrow else MOST_TOKENS
    names = [printable(label, limit=24) for label in run.labels[:most]]
    names += [" …"] if len(run.labels) > most else []
    text = running_text(names, style, style.size)
    head: dict[str, Any] = {"size": style.size, "color": style.ink, "weight": "bold"}
    line = _write(axes, run.name, line, text.width, **head)
    fills = [_color(run, n, style) for n in range(len(names))]
    text.letter(axes, fills, style, top=line)
    foot: dict[str, Any] = {"size": style.small, "color": style.muted}
    line = _write(axes, _told(run), line + text.lines, text.width, **foot)
    return line + 1, text.width


def _write(axes: Axes, text: str, line: int, width: int, **look: Any) -> int:
    """Writes in lines of `width` characters, from `line` on; gives the line after."""
    wrapped = textwrap.wrap(text, width)[:3]
    for n, words in enumerate(wrapped):
        told = printable(words, limit=width)
        axes.text(0.1, line + n + 0.5, told, va="center", in_layout=False, **look)
    return line + len(wrapped)


def _color(run: ComparedRun, n: int, style: Style) -> str:
    if run.diverges_at is None or n < run.diverges_at:
        return style.faint
    return style.warm if n == run.diverges_at else style.tint(0.28)


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
