"""The CSV of an answer: every number in its column, and no formula anywhere."""

import csv
import math
from collections.abc import Sequence
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.engine import StageCount, TopToken
from playground.exports import to_csv
from playground.exports.token_table import no_formula
from playground.tokenizers import Tokenizer
from playground.views.labels import labels
from tests.exports.conftest import Write
from tests.test_transcript import record, run

STARTS = "=+-@\t\r'\uff1d\uff0b\uff0d\uff20"


class Spelled(Tokenizer):
    """A vocabulary that somebody made up."""

    def __init__(self, tokens: Sequence[str]) -> None:
        super().__init__(
            tokens,
            start_token_id=None,
            end_token_id=None,
            pad_token_id=None,
            special_token_ids=(),
            add_start_token=False,
            chat_template=None,
        )

    def _encode(self, text: str) -> list[int]:
        return [self.token_to_id(text)]

    def detokenize(self, token_ids: Sequence[int]) -> str:
        return "".join(self.id_to_token(token_id) for token_id in token_ids)

    def token_bytes(self, token_id: int, *, at_start: bool = False) -> bytes:
        del at_start
        return self.id_to_token(token_id).encode()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline="")))


def test_the_worked_example() -> None:
    tokenizer = Spelled(["the", " sea", "=1+1", '"', "-"])
    xtc = record(
        chain_logprob=-math.inf,
        stages=(StageCount("model", 5, 1.0), StageCount("xtc", 2, 0.25)),
        top=(TopToken(2, 0.75, 0.0),),
    )
    plain = record(
        stages=(StageCount("model", 5, 1.0), StageCount("top_p", 3, 0.5)),
        top=(TopToken(1, 0.5, 1.0), TopToken(4, 0.25, 0.0), TopToken(0, 0.1, 0.0)),
    )
    answer = run(token_ids=[1, 3, 2], answered=1, records=[None, plain, xtc])
    assert to_csv(answer, tokenizer, candidates=2) == (
        "position,token_id,text,logprob,chain_logprob,rank,entropy,choices,"
        "model_tokens,model_probability,top_p_tokens,top_p_probability,"
        "xtc_tokens,xtc_probability,"
        "top_1_id,top_1_text,top_1_probability,top_1_chain_probability,"
        "top_2_id,top_2_text,top_2_probability,top_2_chain_probability\n"
        "2,1,␣sea\n"
        '3,3,"""",-1.23457,-0.5,3,2,7.38906,5,1,3,0.5,,,1,␣sea,0.5,1,4,\'-,0.25,0\n'
        "4,2,'=1+1,-1.23457,-inf,3,2,7.38906,5,1,,,2,0.25,2,'=1+1,0.75,0\n"
    )


def test_a_real_run_has_its_numbers_in_the_table(
    write: Write, tokenizer: Tokenizer
) -> None:
    written = write(sampler="top_k", top_k=9)
    table = rows(to_csv(written, tokenizer))
    assert [int(row["token_id"]) for row in table] == written.token_ids
    first = len(written.prompt_token_ids)
    assert [int(row["position"]) - first for row in table] == list(range(12))
    names = labels(tokenizer, written.token_ids)
    assert [row["text"] for row in table] == [no_formula(name) for name in names]
    for row, known in zip(table, written.records, strict=True):
        assert known is not None
        assert float(row["logprob"]) == pytest.approx(known.logprob, rel=1e-5)
        assert int(row["top_k_tokens"]) == known.stages[-1].tokens == 9
        assert int(row["top_5_id"]) == known.top[4].token_id


@given(tokens=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=8))
def test_no_text_begins_a_formula_and_each_can_be_had_back(tokens: list[str]) -> None:
    tokenizer = Spelled([token.encode(errors="replace").decode() for token in tokens])
    ids = list(range(len(tokens)))
    top = tuple(TopToken(i, 0.1, 0.1) for i in ids[:5])
    table = rows(
        to_csv(run(token_ids=ids, records=[record(top=top)] * len(ids)), tokenizer)
    )
    expected = labels(tokenizer, ids)
    for row, name in zip(table, expected, strict=True):
        texts = [row["text"], *(row[f"top_{n + 1}_text"] for n in range(len(top)))]
        for text, plain in zip(texts, [name, *expected], strict=False):
            assert text[:1] not in set(STARTS) - {"'"}
            assert text.removeprefix("'") == plain or text == plain


@given(st.text() | st.sampled_from(STARTS).flatmap(lambda c: st.text().map(c.__add__)))
def test_what_is_made_safe_is_unmade_by_one_sign(text: str) -> None:
    safe = no_formula(text)
    assert (safe[1:] if safe.startswith("'") else safe) == text
    assert safe[:1] not in set(STARTS) - {"'"}
