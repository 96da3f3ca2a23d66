"""The text of a run as assets/output.js draws it: one span for each token."""

import math
from typing import Any

from playground.session import Session
from playground.views.token_spans import SCORES, TokenSpan, token_spans_view

MAX_PROMPT_SPANS = 2000
"""A longer prompt is one piece of text: nobody looks at each token of it."""


def spans_value(session: Session, live: bool) -> dict[str, Any]:
    """What stands in the output: prompt, answer, and each token's scores.

    A span is [text, label, values, shades]: the values of SCORES as they are shown, the
    shades from 0 to 99. While the text streams the prompt is one piece.
    """
    run, model = session.transcript, session.engine.model
    if run is None or model is None:
        return {"prompt": [], "answer": [], "live": live}
    spans = token_spans_view(model.text_preprocessor.tokenizer, run).spans
    prompt = [span for span in spans if span.is_prompt]
    answer = [_span(span) for span in spans if not span.is_prompt]
    if live or len(prompt) > MAX_PROMPT_SPANS:
        drawn = [[run.prompt_text, "", [], []]]
    else:
        drawn = [_span(span) for span in prompt]
    return {"prompt": drawn, "answer": answer, "live": live}


def _span(span: TokenSpan) -> list[Any]:
    known = [name for name in SCORES if name in span.scores]
    values = [_number(span.scores[name]) for name in known]
    shades = [min(99, round(99 * span.shades[name])) for name in known]
    return [span.text, span.label, values, shades]


def _number(value: float) -> str:
    return str(int(value)) if value == math.floor(value) else f"{value:.3g}"
