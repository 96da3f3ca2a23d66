"""Where a token looks and who looks at it, in words; the browser marks the text too."""

import json
from html import escape

import numpy as np

from playground.views.amounts import percent
from playground.views.attention import AttentionView, Links

SHOWN = 5


def links_html(view: AttentionView, position: int) -> str:
    """The links of one token of the text; assets/links.js reads the data."""
    at, by = _of(view.looks_at, position), _of(view.looked_at_by, position)
    shown = {"at": _of_the_strongest(at), "by": _of_the_strongest(by)}
    data = {"prompt": view.prompt_length, **shown}
    own = escape(view.labels[position])
    return (
        f'<div class="links" data-links="{escape(json.dumps(data))}">'
        f"<p><b>{own}</b> looks at {_told(view, at)}.</p>"
        f"<p><b>{own}</b> is looked at by {_told(view, by)}.</p></div>"
    )


def _of(links: Links, position: int) -> list[tuple[int, float]]:
    """Position and weight, the strongest first."""
    row = zip(links.positions[position], links.weights[position], strict=True)
    return [(int(p), round(float(w), 4)) for p, w in row if p >= 0 and np.isfinite(w)]


def _of_the_strongest(links: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """The weights as shares of the strongest: a bar of 4 % would not be seen."""
    most = max((w for _, w in links), default=0) or 1
    return [(p, round(w / most, 3)) for p, w in links]


def _told(view: AttentionView, links: list[tuple[int, float]]) -> str:
    told = (f"{escape(view.labels[p])} ({percent(w)})" for p, w in links[:SHOWN])
    return ", ".join(told) or "no token"
