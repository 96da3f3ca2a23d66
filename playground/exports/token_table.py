"""The tokens of an answer as CSV: one row each, with what was recorded of it."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

from playground.engine import TokenRecord
from playground.tokenizers import Tokenizer
from playground.transcript import Transcript
from playground.views.labels import labels

_FIRST = ("position", "token_id", "text")
_SCALARS = ("logprob", "chain_logprob", "rank", "entropy", "choices")
_FORMULA = tuple("=+-@\t\r'\uff1d\uff0b\uff0d\uff20")  # the wide ones too


def to_csv(run: Transcript, tokenizer: Tokenizer, candidates: int = 5) -> str:
    """A header, and a row for each token of the answer; empty where nothing is known.

    Columns: `position` in prompt and answer together, from 0; `token_id` and `text`,
    which is the token's label; the numbers of `TokenRecord` (logarithms in nats);
    `STAGE_tokens` and `STAGE_probability` for each stage of the chain; `top_N_id`,
    `_text`, `_probability` and `_chain_probability` for the likeliest `candidates`.

    A spreadsheet takes a cell that begins with one of = + - @ for a formula, and runs
    it. Texts that do are written with a ' in front, as are those that begin with a '
    themselves: take one ' off to have the text.
    """
    known = [record for record in run.records if record is not None]
    stages = list(dict.fromkeys(s.stage for record in known for s in record.stages))
    width = min(candidates, max((len(record.top) for record in known), default=0))
    texts = labels(tokenizer, run.token_ids)
    out = StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write([*_FIRST, *_SCALARS, *_stage_columns(stages), *_top_columns(width)])
    for index, token_id in enumerate(run.token_ids):
        position = len(run.prompt_token_ids) + index
        row = [position, token_id, no_formula(texts[index])]
        if (record := run.records[index]) is not None:
            row += _numbers(record, stages)
            row += _candidates(record, tokenizer, width)
        write(row)
    return out.getvalue()


def no_formula(text: str) -> str:
    """The text with a ' in front where a spreadsheet would run it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _stage_columns(stages: Sequence[str]) -> Iterator[str]:
    for stage in stages:
        yield from (f"{stage}_tokens", f"{stage}_probability")


def _top_columns(width: int) -> Iterator[str]:
    for place in range(1, width + 1):
        for noun in ("id", "text", "probability", "chain_probability"):
            yield f"top_{place}_{noun}"


def _numbers(record: TokenRecord, stages: Sequence[str]) -> Iterator[Any]:
    yield from (_short(getattr(record, name)) for name in _SCALARS)
    counts = {count.stage: count for count in record.stages}
    for stage in stages:
        count = counts.get(stage)
        yield "" if count is None else count.tokens
        yield "" if count is None else _short(count.probability)


def _candidates(record: TokenRecord, tokenizer: Tokenizer, width: int) -> Iterator[Any]:
    top = record.top[:width]
    texts = labels(tokenizer, [each.token_id for each in top])
    for each, text in zip(top, texts, strict=True):
        yield each.token_id
        yield no_formula(text)
        yield from (_short(each.probability), _short(each.chain_probability))


def _short(number: float) -> str:
    return f"{number:.6g}"
