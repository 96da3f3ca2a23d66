"""Compared texts, side by side: what all share, then each on its own way."""

from collections.abc import Sequence
from html import escape

from playground.interface.comparing import ComparedTexts
from playground.interface.view_html import message_html, numbers_html
from playground.views.comparison import ComparedRun, ComparisonView


def compared_html(texts: ComparedTexts) -> str:
    """The words first, then the texts."""
    words = message_html(texts.message) if texts.message else ""
    return words + (comparison_html(texts.view) if texts.view else "")


def comparison_html(view: ComparisonView) -> str:
    """A column for each run: what all share is grey, then each goes its own way."""
    shared = _shared([run.text for run in view.runs])
    runs = "".join(_run(run, shared) for run in view.runs)
    return (
        f'<p class="view-caption">{escape(view.words())}</p>'
        f'<div class="compared">{runs}</div>{numbers_html(view.table())}'
    )


def _run(run: ComparedRun, shared: int) -> str:
    own = f"<mark>{escape(run.text[shared:])}</mark>" if run.text[shared:] else ""
    return (
        f"<article><h4>{escape(run.name)}</h4>"
        f"<p><span>{escape(run.text[:shared])}</span>{own}</p>"
        f"<footer>{escape(run.summary.words())}</footer></article>"
    )


def _shared(texts: Sequence[str]) -> int:
    """How many characters all of them begin with."""
    together = enumerate(zip(*texts, strict=False))
    differing = (n for n, characters in together if len(set(characters)) > 1)
    return next(differing, min(map(len, texts)))
