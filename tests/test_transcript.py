"""A run as JSON, and back; what is not a run is refused in words."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from playground.engine import (
    Beam,
    Beams,
    Finished,
    StageCount,
    Step,
    TokenRecord,
    TopToken,
)
from playground.models import MistralCausalLM
from playground.settings import GenerationSettings
from playground.transcript import ModelFacts, Transcript
from playground.transcript.answer_tree import AnswerTree

SETTINGS = GenerationSettings(stop_strings=("\n\n",), seed=7, max_new_tokens=4)


def run(text: str = "the sea", **changes: Any) -> Transcript:
    values: dict[str, Any] = {
        "settings": SETTINGS,
        "seed": 7,
        "prompt_text": "Say: ",
        "prompt_token_ids": (5, 6),
        "token_ids": [1, 2, 3],
        "text": text,
        "stop_string": "\n\n",
        "finished": Finished(reason="stop", stopped_by=(3,), stop_string="\n\n"),
    }
    return Transcript(**(values | changes))


def record(**changes: Any) -> TokenRecord:
    values: dict[str, Any] = {
        "logprob": -1.23456789,
        "chain_logprob": -0.5,
        "rank": 3,
        "entropy": 2.0,
        "choices": math.exp(2.0),
        "stages": (StageCount("model", 100, 1.0), StageCount("top_p", 7, 0.912345678)),
        "top": (TopToken(5, 0.25, 0.5), TopToken(6, 1.23456789e-9, 0.0)),
    }
    return TokenRecord(**values | changes)


FACTS = {"preset": "small", "dtype": "float32", "sliding_window": 7, "version": "1.2"}


def through_json(values: Any) -> Any:
    return json.loads(json.dumps(values))


def test_a_run_comes_back_from_json_as_it_was() -> None:
    facts = run(model=ModelFacts(**FACTS), prompt="Say")
    for each in (run(), run(finished=None, stop_string=""), run(answered=2), facts):
        assert Transcript.from_json(through_json(each.to_json())) == each


def test_the_seed_in_use_is_exported_where_one_was_drawn() -> None:
    drawn = run(settings=replace(SETTINGS, seed=None), seed=99)
    assert Transcript.from_json(drawn.to_json()).seed == 99


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "other/1"}, "has the schema 'mistral-playground/run/1', got 'othe"),
        ({"settings": []}, "`settings` must be dict"),
        ({"settings": {"temperature": -1}}, "`temperature` must be"),
        ({"settings": {}}, "which seed it used"),
        ({"token_ids": [1, -2]}, "`token_ids` must be token ids, got -2"),
        ({"token_ids": [True]}, "`token_ids` must be token ids, got True"),
        ({"prompt_token_ids": ["1"]}, "`prompt_token_ids` must be token ids, got '1'"),
        ({"token_ids": [0] * 200_001}, "may have 200,000 ids, got 200,001"),
        ({"answered": 4}, "`answered` must be from 0 to 3, got 4"),
        ({"answered": True}, "`answered` must be int"),
        ({"text": None}, "`text` must be str, got None"),
        ({"text": "a" * 2_000_001}, "may have 2,000,000 characters"),
        ({"stop_string": 1}, "`stop_string` must be str"),
        ({"finish_reason": "boredom"}, "`finish_reason` must be one of"),
        ({"stopped_by": [[1]]}, "`stopped_by` must be token ids"),
        ({"text": "\ud800"}, "`text` has half of a character"),
        ({"prompt": 3}, "`prompt` must be str"),
        ({"model": "small"}, "`model` has preset, dtype, sliding_window, version; got"),
        ({"model": {**FACTS, "path": "/home"}}, "`model` has preset, dtype"),
        ({"model": {**FACTS, "preset": "a" * 301}}, "may have 300 characters"),
        ({"model": {**FACTS, "dtype": "a\n"}}, "`dtype` must be one plain word"),
        ({"model": {**FACTS, "version": 1}}, "`version` must be one plain word"),
        ({"model": {**FACTS, "sliding_window": 0}}, "must be null or tokens from 1"),
        ({"records": [None]}, "`records` must be one for each of 3 ids, got 1"),
        ({"records": 3}, "`records` must be one for each of 3 ids, got 3"),
    ],
)
def test_what_is_no_run_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Transcript.from_json({**run().to_json(), **change})


@pytest.mark.parametrize("values", [None, [], "run", 3])
def test_what_is_no_object_is_refused(values: Any) -> None:
    with pytest.raises(ValueError, match="has the schema"):
        Transcript.from_json(values)
    with pytest.raises(ValueError, match="has the schema"):
        AnswerTree.from_json(values)


def test_an_answer_that_goes_on_keeps_what_was_before() -> None:
    going = run(token_ids=[1], text="the", text_before="the", answered=1)
    going.add(Step(token_id=2, index=0, tokens_per_second=0.0, text=" sea"))
    assert (going.token_ids, going.text) == ([1, 2], "the sea")
    for text, ids in ((" sky", (8,)), (" moon is", (9, 10))):
        beams = (Beam(ids),)
        going.add(
            Beams(index=0, beams=beams, pruned=(), tokens_per_second=0.0, text=text)
        )
    assert (going.token_ids, going.text) == ([1, 9, 10], "the moon is")


def test_the_shown_text_is_what_the_settings_want() -> None:
    assert run().shown_text == "the sea"
    keeping = run(settings=replace(SETTINGS, keep_stop_string=True))
    assert keeping.shown_text == "the sea\n\n"
    assert keeping.whole_text == "the sea\n\n"
    with_prompt = run(settings=replace(SETTINGS, strip_prompt=False))
    assert with_prompt.whole_text == "Say: the sea"


def test_records_come_back_rounded_to_what_anybody_reads() -> None:
    """A probability of 0 has no logarithm in JSON, and `choices` is exp(entropy)."""
    recorded = run(records=[record(), None, record(chain_logprob=-math.inf)])
    values = through_json(recorded.to_json())
    assert values["records"] == [
        {
            "logprob": -1.2346,
            "chain_logprob": -0.5,
            "rank": 3,
            "entropy": 2.0,
            "stages": [["model", 100, 1.0], ["top_p", 7, 0.91235]],
            "top": [[5, 0.25, 0.5], [6, 1.2346e-09, 0.0]],
        },
        None,
        {**values["records"][0], "chain_logprob": None},
    ]
    first, none, last = Transcript.from_json(values).records
    rounded = record(
        logprob=-1.2346,
        stages=(StageCount("model", 100, 1.0), StageCount("top_p", 7, 0.91235)),
        top=(TopToken(5, 0.25, 0.5), TopToken(6, 1.2346e-9, 0.0)),
    )
    assert (first, none) == (rounded, None)
    assert last == replace(rounded, chain_logprob=-math.inf)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"logprob": 1}, "`logprob` must be a logarithm"),
        ({"chain_logprob": "low"}, "`chain_logprob` must be a logarithm"),
        ({"logprob": math.nan}, "`logprob` must be a logarithm"),
        ({"rank": 0}, "`rank` must be a whole number from 1, got 0"),
        ({"rank": True}, "`rank` must be"),
        ({"rank": 2**31}, "`rank` must be"),
        ({"entropy": 51}, "`entropy` must be nats"),
        ({"entropy": None}, "`entropy` must be nats"),
        ({"stages": []}, "`stages` must be 1 to 32 lists of three"),
        ({"stages": [["top_p", 7, 0.5]] * 33}, "`stages` must be 1 to 32"),
        ({"stages": [["top_p", 7]]}, "`stages` must be 1 to 32 lists of three"),
        ({"stages": [["=cmd()", 7, 0.5]]}, "A stage must be its name, tokens and"),
        ({"stages": [["top_p", -1, 0.5]]}, "A stage must be"),
        ({"stages": [["top_p", 7, 1.5]]}, "A stage must be"),
        ({"top": [[5, 0.5, 0.5]] * 101}, "`top` must be 0 to 100 lists of three"),
        ({"top": [[-1, 0.5, 0.5]]}, "A top token must be its id and two"),
        ({"top": [[5, 0.5, math.inf]]}, "A top token must be"),
        ({"colour": "red"}, "A record has logprob, chain_logprob, rank, entropy"),
    ],
)
def test_what_is_no_record_is_refused(change: dict[str, Any], words: str) -> None:
    values = run(records=[record()] * 3).to_json()
    values["records"][1] |= change
    with pytest.raises(ValueError, match=words):
        Transcript.from_json(values)


def test_a_file_from_before_there_were_records_is_read() -> None:
    values = run().to_json()
    for name in ("records", "model", "prompt"):
        del values[name]
    old = Transcript.from_json(values)
    assert old == run()
    assert old.records == [None] * 3


def test_each_token_has_a_record_or_none() -> None:
    """Also those from before, and a beam search's, which come anew each time."""
    going = run(token_ids=[1, 2], answered=2, records=[record()])
    assert going.records == [None, record()]
    step = Step(token_id=3, index=0, tokens_per_second=0.0, record=record(rank=9))
    going.add(step)
    going.add(replace(step, record=None))
    assert going.records == [None, record(), record(rank=9), None]
    beams = (Beam((8, 9, 10)),)
    going.add(Beams(index=2, beams=beams, pruned=(), tokens_per_second=0.0))
    assert going.records == [None, record(), None, None, None]
    assert len(going.token_ids) == 5


class Uncopied(list[Any]):
    """A list of which no part may be taken."""

    def __getitem__(self, place: Any) -> Any:
        assert not isinstance(place, slice), "what was there was copied"
        return super().__getitem__(place)


def test_a_token_more_copies_nothing_of_what_was_there() -> None:
    going = run(token_ids=[1, 2], answered=2, records=[record()])
    going.token_ids, going.records = Uncopied([1, 2]), Uncopied([None, None])
    going.add(Step(token_id=3, index=0, tokens_per_second=0.0, text="!", piece="!?"))
    going.add(Finished(reason="length", text="?"))
    assert (going.token_ids, going.text) == ([1, 2, 3], "the sea!?")


def test_a_beam_search_brings_pieces_behind_those_from_before() -> None:
    going = run("the", token_ids=[1], pieces=["the"], answered=1, text_before="the")
    beams = {"beams": (Beam((8, 9)),), "pruned": (), "tokens_per_second": 0.0}
    for pieces in ((" s", "ea"), (" s", "ky")):
        going.add(Beams(index=1, text="".join(pieces), pieces=pieces, **beams))
    assert (going.pieces, going.text) == (["the", " s", "ky"], "the sky")


@pytest.mark.parametrize(
    ("preset", "shown", "is_local"),
    [
        ("smollm2_135m_instruct", "smollm2_135m_instruct", False),
        ("hf://mistralai/Mistral-7B-v0.1", "hf://mistralai/Mistral-7B-v0.1", False),
        ("/home/ada/secret/model.gguf", "model.gguf", True),
        ("models/small/", "small", True),
    ],
)
def test_a_model_is_named_without_where_it_lies(
    tiny: MistralCausalLM,
    monkeypatch: pytest.MonkeyPatch,
    preset: str,
    shown: str,
    is_local: bool,
) -> None:
    monkeypatch.setattr(tiny, "preset", preset)
    facts = ModelFacts.of(tiny)
    assert (facts.preset, facts.is_local) == (shown, is_local)
    assert (facts.dtype, facts.sliding_window) == ("float32", 7)
