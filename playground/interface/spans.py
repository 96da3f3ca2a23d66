"""The text of a run as assets/output.js draws it: one span for each token."""

import math
from collections.abc import Collection
from typing import Any

from playground.session import Session
from playground.tokenizers import Tokenizer
from playground.transcript import Transcript
from playground.views.token_spans import (
    SCORES,
    TokenSpan,
    prompt_spans_of,
    token_spans_view,
)

MAX_PROMPT_SPANS = 2000
"""A longer prompt is one piece of text: its tokens are not shown one by one."""


def spans_value(session: Session) -> dict[str, Any]:
    """A finished run as the output draws it: prompt, answer, each token's scores.

    A span is [text, label, values, shades, special]: the values of SCORES as they are
    shown, the shades from 0 to 99, and whether it is a special token, which has no text
    in an answer.
    """
    run, model = session.transcript, session.engine.model
    assert run is not None, "there was a run"
    assert model is not None, "it was written by a model"
    tokenizer = model.text_preprocessor.tokenizer
    answer = token_spans_view(tokenizer, run).spans[len(run.prompt_token_ids) :]
    special = tokenizer.special_token_ids
    return {
        "prompt": prompt_spans(tokenizer, run),
        "answer": [as_span(span, special) for span in answer],
        "live": False,
    }


def prompt_spans(tokenizer: Tokenizer, run: Transcript) -> list[list[Any]]:
    """A run's prompt, as spans; one that is too long is a single one."""
    if len(run.prompt_token_ids) > MAX_PROMPT_SPANS:
        return [[run.prompt_text, "", [], [], False]]
    special = tokenizer.special_token_ids
    return [as_span(span, special) for span in prompt_spans_of(tokenizer, run)]


def as_span(span: TokenSpan, special: Collection[int]) -> list[Any]:
    """[text, label, values, shades, special], see `spans_value`."""
    known = [name for name in SCORES if name in span.scores]
    values = [_number(span.scores[name]) for name in known]
    shades = [min(99, round(99 * span.shades[name])) for name in known]
    return [span.text, span.label, values, shades, span.token_id in special]


def _number(value: float) -> str:
    is_whole = math.isfinite(value) and value == math.floor(value)
    return str(int(value)) if is_whole else f"{value:.3g}"
