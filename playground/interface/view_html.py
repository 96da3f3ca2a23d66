"""A view as HTML that stands by itself: picture, what it shows in words, numbers."""

import base64
from html import escape

from playground.plots import picture
from playground.views.view import Cell, Table, View

MAX_ROWS = 500
"""Of a table on a page; the export has them all."""


def view_html(view: View, *, dark: bool = False, narrow: bool = False) -> str:
    """The picture with its words as alternative text, and its table, closed."""
    data = base64.b64encode(picture(view, dark=dark, narrow=narrow)).decode()
    words = escape(view.words())
    return (
        f'<figure class="view"><img src="data:image/png;base64,{data}" alt="{words}">'
        f"{numbers_html(view.table())}</figure>"
    )


def numbers_html(table: Table) -> str:
    """The table, to be opened."""
    return f"<details><summary>Numbers</summary>{table_html(table)}</details>"


def table_html(table: Table) -> str:
    """The table's first MAX_ROWS rows."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>"
        for row in table.rows[:MAX_ROWS]
    )
    left = len(table.rows) - MAX_ROWS
    more = f"<p>{left:,} more rows are in the export.</p>" if left > 0 else ""
    return (
        f'<div class="numbers" tabindex="0" role="region" aria-label="Numbers">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{more}"
    )


def message_html(words: str) -> str:
    """Why there is nothing to see."""
    return f'<p class="view-message">{escape(words)}</p>'


def _cell(cell: Cell) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else escape(str(cell))
