"""The stop builder: a text that the user types, written in a model's tokens."""

from html import escape

from playground.controls import MAX_TEXT_LENGTH, unescaped
from playground.interface.view_html import message_html, table_html
from playground.tokenizers import Tokenizer
from playground.views.labels import visible
from playground.views.stop_builder import StopView, stop_view
from playground.views.view import Table

STOP_LABEL = "Stop builder"
STOP_HELP = r"Type a stop text to see its tokens. \n is a new line."
STOP_PLACEHOLDER = r"\n\n"


def stop_html(tokenizer: Tokenizer | None, typed: object) -> str:
    """How it is written in several places; "" without a model or a text."""
    if tokenizer is None or not isinstance(typed, str) or not typed:
        return ""
    try:
        view = stop_view(tokenizer, unescaped(typed[:MAX_TEXT_LENGTH]))
    except ValueError as fault:
        return message_html(str(fault))
    return tokenisations_html(view)


def tokenisations_html(view: StopView) -> str:
    """Its words, and a row for each place that the text may stand in."""
    rows = (
        (
            each.place,
            " ".join(map(str, each.token_ids)),
            " ".join(map(visible, each.pieces)),
        )
        for each in view.tokenisations
    )
    table = table_html(Table(columns=("where", "ids", "tokens"), rows=tuple(rows)))
    return f'<p class="view-caption">{escape(view.words)}</p>{table}'
