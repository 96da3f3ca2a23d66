"""The ruler: the text as it runs, each token as the next one sees it."""

from collections.abc import Iterator
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from playground.plots.drawing import draw
from playground.plots.lettering import printable
from playground.plots.marks import key, letter, swatch, whole_numbers
from playground.plots.running_text import answer_bar, page, running_text
from playground.plots.style import Style
from playground.views.window import counted
from playground.views.window_ruler import HOW, RulerView

MOST_TOKENS, MOST_TOKENS_NARROW = 240, 90
GAP = -1


@draw.register
def draw_ruler(view: RulerView, figure: Figure, style: Style) -> str:
    """A scale of all positions, and under it the tokens."""
    shown = list(_shown(view, MOST_TOKENS_NARROW if style.narrow else MOST_TOKENS))
    size = style.small if style.narrow else style.size
    names = [_name(view, token) for token in shown]
    words = running_text(names, style, size)
    figure.set_figheight(1.95 + 0.23 * words.lines + (0.5 if style.narrow else 0))
    scale, text = figure.subplots(2, height_ratios=(0.34, 0.21 * words.lines))
    _draw_scale(scale, view, style)
    zones = [None if token == GAP else int(view.zones[token]) for token in shown]
    fills = [None if zone is None else zone_color(zone, style) for zone in zones]
    answer = shown.index(view.num_prompt) if view.num_prompt in shown else None
    words.letter(text, fills, style, answer=answer)
    page(text, words.width, words.lines)
    key(figure, list(_key(view, style)), style)
    return view.window.state(view.num_tokens)


def zone_color(zone: int, style: Style) -> str:
    return (style.paper, style.tint(0.28), style.accent)[zone]


def _shown(view: RulerView, most: int) -> Iterator[int]:
    """The tokens to letter; GAP where some are left out of the middle of a zone."""
    borders = sorted({0, view.first_reached, view.first_direct, view.num_tokens})
    each = most // (len(borders) - 1)
    for first, end in pairwise(borders):
        if end - first <= each:
            yield from range(first, end)
            continue
        yield from range(first, first + each // 2)
        yield GAP
        yield from range(end - each // 2, end)


def _name(view: RulerView, token: int) -> str:
    return " … " if token == GAP else printable(view.labels[token], limit=20)


def _draw_scale(axes: Axes, view: RulerView, style: Style) -> None:
    borders = (0, view.first_reached, view.first_direct, view.num_tokens)
    for zone, (first, end) in enumerate(pairwise(borders)):
        color = zone_color(zone, style)
        if end > first:
            axes.barh(0, end - first, left=first, color=color, edgecolor=style.muted)
            share = (end - first) / view.num_tokens
            words = f"{end - first:,} {HOW[zone]}"
            if share * style.width * 14 > len(words):
                middle = ((first + end) / 2, 0)
                letter(axes, middle, words, style, color=style.over(color))
    axes.set(xlim=(0, view.num_tokens), yticks=[], xlabel="position (tokens)")
    axes.spines[["top", "left", "right"]].set_visible(False)
    whole_numbers(axes.xaxis, style)


def _key(view: RulerView, style: Style) -> Iterator[Patch | Line2D]:
    for zone in (2, 1):
        number = int((view.zones == zone).sum())
        if number:
            what = f"seen {HOW[zone]}: {counted(number, 'token')}"
            yield swatch(what, zone_color(zone, style), style)
    if view.first_reached:
        what = f"not seen at all: {counted(view.first_reached, 'token')}"
        yield Patch(facecolor=style.paper, edgecolor=style.line, label=what)
    if 0 < view.num_prompt < view.num_tokens:
        yield answer_bar(style)
