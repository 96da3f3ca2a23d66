"""The text of a run as assets/output.js draws it: one span for each token."""

import math
from collections.abc import Collection
from typing import Any

from playground.session import Session
from playground.views.token_spans import SCORES, TokenSpan, token_spans_view

MAX_PROMPT_SPANS = 2000
"""A longer prompt is one piece of text: nobody looks at each token of it."""


def spans_value(session: Session, live: bool) -> dict[str, Any]:
    """What stands in the output: prompt, answer, and each token's scores.

    `earlier`, where there is any, is text of the answer that the model no longer reads.

    A span is [text, label, values, shades, special]: the values of SCORES as they are
    shown, the shades from 0 to 99, and whether it is a special token, which has no text
    in an answer. While the text streams the prompt is one piece.
    """
    run, model = session.transcript, session.engine.model
    if run is None or model is None:
        return {"prompt": [], "answer": [], "live": live}
    tokenizer = model.text_preprocessor.tokenizer
    spans = token_spans_view(tokenizer, run).spans
    special = tokenizer.special_token_ids
    length = len(run.prompt_token_ids)
    if live or length > MAX_PROMPT_SPANS:
        prompt = [[run.prompt_text, "", [], [], False]]
    else:
        prompt = [_span(span, special) for span in spans[:length]]
    answer = [_span(span, special) for span in spans[length:]]
    earlier = {"earlier": run.earlier_text} if run.earlier_text else {}
    return {"prompt": prompt, **earlier, "answer": answer, "live": live}


def _span(span: TokenSpan, special: Collection[int]) -> list[Any]:
    known = [name for name in SCORES if name in span.scores]
    values = [_number(span.scores[name]) for name in known]
    shades = [min(99, round(99 * span.shades[name])) for name in known]
    return [span.text, span.label, values, shades, span.token_id in special]


def _number(value: float) -> str:
    is_whole = math.isfinite(value) and value == math.floor(value)
    return str(int(value)) if is_whole else f"{value:.3g}"
