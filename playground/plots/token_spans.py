"""The text itself, each token on a shade of its score."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from playground.plots.drawing import draw
from playground.plots.lettering import printable
from playground.plots.marks import box_text, columns, flow, key, no_frame, swatch
from playground.plots.style import Style
from playground.views.token_spans import SCORES, TokenSpan, TokenSpansView

MOST_TOKENS, MOST_TOKENS_NARROW = 400, 160


@draw.register
def draw_token_spans(view: TokenSpansView, figure: Figure, style: Style) -> str:
    """The last tokens, if there are too many for a picture."""
    most = MOST_TOKENS_NARROW if style.narrow else MOST_TOKENS
    spans = view.spans[-most:]
    names = [printable(span.label, limit=24) for span in spans]
    places = flow([_bare(name) for name in names], columns(style, style.size))
    lines = places[-1][0] + 1 if places else 1
    figure.set_figheight(1.3 + 0.23 * lines + (0.4 if style.narrow else 0))
    axes = figure.subplots()
    for span, name, place in zip(spans, names, places, strict=True):
        _draw_span(axes, view, span, name, place, style)
    _mark_answer(axes, spans, places, style)
    width = columns(style, style.size)
    axes.set(xlim=(0, width), ylim=(lines, 0), xticks=[], yticks=[])
    no_frame(axes)
    key(figure, list(_key(view, spans, style)), style)
    left_out = len(view.spans) - len(spans)
    cut = ""
    if left_out:
        first = "token is" if left_out == 1 else f"{left_out:,} tokens are"
        cut = f" The first {first} left out here."
    fuller = SCORES[view.score].fuller
    return f"The fuller the colour, the {fuller}. {view.summary.words()}.{cut}"


def _bare(name: str) -> str:
    """The name as it is lettered."""
    return name.replace(r"\$", "$")


def _color(shade: float, style: Style) -> str:
    return style.tint(0.9 * shade)


def _draw_span(
    axes: Axes,
    view: TokenSpansView,
    span: TokenSpan,
    name: str,
    place: tuple[int, int],
    style: Style,
) -> None:
    line, column = place
    if view.score not in span.shades:
        box_text(axes, place, name, style.size, style.muted)
        return
    color, width = _color(span.shades[view.score], style), len(_bare(name))
    box = Rectangle((column + 0.05, line + 0.06), width - 0.1, 0.88)
    box.set(facecolor=color, edgecolor=style.line, linewidth=0.4)
    axes.add_patch(box)
    box_text(axes, place, name, style.size, style.over(color))


def _mark_answer(
    axes: Axes,
    spans: tuple[TokenSpan, ...],
    places: list[tuple[int, int]],
    style: Style,
) -> None:
    first = next((n for n, span in enumerate(spans) if not span.is_prompt), 0)
    if first:
        line, column = places[first]
        axes.plot((column, column), (line, line + 1), color=style.warm, lw=2.5)


def _key(
    view: TokenSpansView, spans: tuple[TokenSpan, ...], style: Style
) -> Iterator[Patch | Line2D]:
    score = SCORES[view.score]
    for shade, mark in zip((0, 0.5, 1), score.marks, strict=True):
        patch = swatch(f"{score.label}: {mark}", _color(shade, style), style)
        patch.set(edgecolor=style.line, linewidth=0.4)
        yield patch
    if any(view.score not in span.shades for span in spans):
        yield Line2D([], [], lw=0, label="no box: not recorded")
    if any(s.is_prompt for s in spans) and not all(s.is_prompt for s in spans):
        bar = Line2D([], [], color=style.warm, lw=0, marker="|", ms=9, mew=2.5)
        bar.set_label("the answer begins")
        yield bar
