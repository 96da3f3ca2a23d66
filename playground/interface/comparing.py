"""One prompt and seed through several samplers: what to show while they write."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from playground.controls import SAMPLERS
from playground.engine import Engine, Loading
from playground.interface.throttle import throttled
from playground.models import MistralCausalLM
from playground.session.comparison import Comparison, Update
from playground.settings import GenerationSettings
from playground.views.comparison import ComparisonView, comparison_view

COMPARED = ("top_p", "min_p", "greedy")
"""What is chosen to begin with."""


@dataclass(frozen=True, kw_only=True)
class ComparedTexts:
    """What is seen at one moment: words, the texts so far, or both."""

    message: str = ""
    view: ComparisonView | None = None


def settings_to_compare(
    settings: GenerationSettings, names: Any
) -> Sequence[GenerationSettings]:
    """The settings with each of the samplers `names`. Raises ValueError for too few."""
    sent = names if isinstance(names, list | tuple) else ()
    chosen = [name for name in SAMPLERS if name in sent]
    if len(chosen) < 2:
        raise ValueError("Choose two or more samplers to compare.")
    return [replace(settings, sampler=name) for name in chosen]


def compared_texts(
    comparison: Comparison, engine: Engine[MistralCausalLM]
) -> Iterator[ComparedTexts]:
    """The runs of a comparison as they grow, a few times a second, and at their end."""
    for update in throttled(
        comparison.updates(), kind=lambda update: type(update.event)
    ):
        yield _texts(comparison, engine, update)
    yield _texts(comparison, engine)


def _texts(
    comparison: Comparison,
    engine: Engine[MistralCausalLM],
    update: Update | None = None,
) -> ComparedTexts:
    runs, model = [run for run in comparison.runs if run.token_ids], engine.model
    if not runs or model is None:
        words = "Reading the prompt" if update else "Stopped before the first token"
        if update and isinstance(update.event, Loading):
            words = update.event.message
        return ComparedTexts(message=comparison.fault or words)
    view = comparison_view(model.text_preprocessor.tokenizer, runs)
    return ComparedTexts(message=comparison.fault, view=view)
