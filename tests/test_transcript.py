"""A run as JSON, and back; what is not a run is refused in words."""

import json
from dataclasses import replace
from typing import Any

import pytest

from playground.answer_tree import AnswerTree
from playground.engine import Beam, Beams, Finished, Step
from playground.settings import GenerationSettings
from playground.transcript import Transcript

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


def through_json(values: Any) -> Any:
    return json.loads(json.dumps(values))


def test_a_run_comes_back_from_json_as_it_was() -> None:
    for each in (run(), run(finished=None, stop_string=""), run(answered=2)):
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
