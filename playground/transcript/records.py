"""Token records as plain values, and back. docs/exports.md describes them."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from playground.engine import StageCount, TokenRecord, TopToken
from playground.transcript.checked import is_number, is_whole, only_known

DIGITS = 5  # significant ones; float32 has seven, and nobody reads more than three
MAX_STAGES, MAX_TOP = 32, 100

_NAMES = ("logprob", "chain_logprob", "rank", "entropy", "stages", "top")
_STAGE = re.compile(r"[a-z][a-z0-9_]{0,40}")
_MOST_NATS = 1e9


def records_to_json(records: Iterable[TokenRecord | None]) -> list[Any]:
    """One object for each record, None for None. A probability of 0 has no logarithm:
    it is None too."""
    return [None if each is None else _to_json(each) for each in records]


def records_from_json(values: Any, count: int) -> list[TokenRecord | None]:
    """`count` records from `records_to_json`'s values, which may come from anywhere.

    Raises ValueError that says what is wrong with them.
    """
    if not isinstance(values, list) or len(values) != count:
        got = len(values) if isinstance(values, list) else f"{values!r:.80}"
        raise ValueError(f"`records` must be one for each of {count} ids, got {got}.")
    return [None if each is None else _from_json(each) for each in values]


def _to_json(record: TokenRecord) -> dict[str, Any]:
    return {
        "logprob": _rounded(record.logprob),
        "chain_logprob": _rounded(record.chain_logprob),
        "rank": record.rank,
        "entropy": _rounded(record.entropy),
        "stages": [[s.stage, s.tokens, _rounded(s.probability)] for s in record.stages],
        "top": [
            [t.token_id, _rounded(t.probability), _rounded(t.chain_probability)]
            for t in record.top
        ],
    }


def _rounded(number: float) -> float | None:
    return float(f"{number:.{DIGITS}g}") if math.isfinite(number) else None


def _from_json(values: Any) -> TokenRecord:
    found = only_known(values, "A record", _NAMES)
    entropy: Any = found.get("entropy")
    rank: Any = found.get("rank")
    _require(is_number(entropy, -0.01, 50), "`entropy` must be nats", entropy)
    _require(is_whole(rank, low=1), "`rank` must be a whole number from 1", rank)
    return TokenRecord(
        logprob=_logprob(found, "logprob"),
        chain_logprob=_logprob(found, "chain_logprob"),
        rank=rank,
        entropy=entropy,
        choices=math.exp(entropy),
        stages=tuple(map(_stage, _rows(found, "stages", 1, MAX_STAGES))),
        top=tuple(map(_top, _rows(found, "top", 0, MAX_TOP))),
    )


def _logprob(found: Any, name: str) -> float:
    value = found.get(name)
    fine = value is None or is_number(value, -_MOST_NATS, 0.01)
    _require(fine, f"`{name}` must be a logarithm of a probability, or null", value)
    return -math.inf if value is None else float(value)


def _rows(found: Any, name: str, least: int, most: int) -> Any:
    rows: Any = found.get(name)
    fine = isinstance(rows, list) and least <= len(rows) <= most
    fine = fine and all(isinstance(row, list) and len(row) == 3 for row in rows)
    _require(fine, f"`{name}` must be {least} to {most} lists of three", rows)
    return rows


def _stage(row: Sequence[Any]) -> StageCount:
    stage, tokens, probability = row
    fine = isinstance(stage, str) and _STAGE.fullmatch(stage) is not None
    fine = fine and is_whole(tokens) and _is_probability(probability)
    _require(fine, "A stage must be its name, tokens and probability", row)
    return StageCount(stage, tokens, probability)


def _top(row: Sequence[Any]) -> TopToken:
    token_id, *probabilities = row
    fine = is_whole(token_id) and all(map(_is_probability, probabilities))
    _require(fine, "A top token must be its id and two probabilities", row)
    return TopToken(token_id, *probabilities)


def _is_probability(value: Any) -> bool:
    return is_number(value, 0, 1.01)  # sums of float32 may end above 1


def _require(fine: bool, expected: str, got: Any) -> None:
    if not fine:
        raise ValueError(f"{expected}, got {got!r:.80}.")
