"""The text itself, each token on a shade of its score."""

from collections.abc import Iterator

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from playground.plots.drawing import draw
from playground.plots.lettering import printable
from playground.plots.marks import key, swatch
from playground.plots.running_text import answer_bar, page, running_text
from playground.plots.style import Style
from playground.views.token_spans import SCORES, TokenSpan, TokenSpansView

MOST_TOKENS, MOST_TOKENS_NARROW = 400, 160


@draw.register
def draw_token_spans(view: TokenSpansView, figure: Figure, style: Style) -> str:
    """The last tokens, if there are too many for a picture."""
    most = MOST_TOKENS_NARROW if style.narrow else MOST_TOKENS
    spans = view.spans[-most:]
    names = [printable(span.label, limit=24) for span in spans]
    text = running_text(names, style, style.size)
    figure.set_figheight(1.3 + 0.23 * text.lines + (0.4 if style.narrow else 0))
    shades = [span.shades.get(view.score) for span in spans]
    fills = [None if shade is None else _color(shade, style) for shade in shades]
    first = next((n for n, span in enumerate(spans) if not span.is_prompt), 0)
    axes = figure.subplots()
    text.letter(axes, fills, style, edge=0.4, answer=first or None)
    page(axes, text.width, text.lines)
    key(figure, list(_key(view, spans, style)), style)
    left_out = len(view.spans) - len(spans)
    cut = ""
    if left_out:
        number = "token is" if left_out == 1 else f"{left_out:,} tokens are"
        cut = f" The first {number} left out here."
    fuller = SCORES[view.score].fuller
    return f"The fuller the colour, the {fuller}. {view.summary.words()}.{cut}"


def _color(shade: float, style: Style) -> str:
    return style.tint(0.9 * shade)


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
        yield answer_bar(style)
