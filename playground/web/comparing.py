"""The same prompt and seed through several samplers, side by side while they write."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from playground.controls import SAMPLERS
from playground.engine import Engine, Event, Loading
from playground.hosts.view_html import message_html, numbers_html
from playground.models import MistralCausalLM
from playground.session.comparison import Comparison
from playground.settings import GenerationSettings
from playground.views.comparison import ComparedRun, ComparisonView, comparison_view
from playground.web.tab import Tab

SECONDS_BETWEEN_UPDATES = 0.25


def compared(
    tab: Tab, prompt: Any, names: Any, settings: GenerationSettings
) -> Iterator[str]:
    """HTML of the runs of the samplers `names`, as they grow.

    The tab's next comparison ends it. Raises ValueError for what cannot be compared.
    """
    chosen = [n for n in SAMPLERS if isinstance(names, list) and n in names]
    if len(chosen) < 2:
        raise ValueError("Choose two samplers or more to compare.")
    engine = tab.session.engine
    wanted = [replace(settings, sampler=name) for name in chosen]
    comparison = Comparison(engine, prompt, wanted, tab.session.caller)
    tab.comparison = comparison
    last = time.monotonic()
    for update in comparison.updates():
        if tab.comparison is not comparison:
            break
        if time.monotonic() - last >= SECONDS_BETWEEN_UPDATES:
            yield _html(tab, comparison, engine, update.event)
            last = time.monotonic()
    if tab.comparison is comparison:
        tab.comparison = None
        yield _html(tab, comparison, engine)


def _html(
    tab: Tab,
    comparison: Comparison,
    engine: Engine[MistralCausalLM],
    event: Event | None = None,
) -> str:
    fault = message_html(comparison.fault) if comparison.fault else ""
    runs = [run for run in comparison.runs if run.token_ids]
    if not runs or engine.model is None:
        loading = event.message if isinstance(event, Loading) else "Reading the prompt"
        return fault or message_html(loading)
    tokenizer = engine.model.text_preprocessor.tokenizer
    tab.compared = comparison_view(tokenizer, runs)
    return fault + comparison_html(tab.compared)


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
