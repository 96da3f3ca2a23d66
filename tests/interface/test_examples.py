"""The stored answers of the page's examples."""

import itertools
import json

import pytest

from playground.interface.examples import (
    FILE,
    MAX_NEW_TOKENS,
    PRESETS,
    SEED,
    SMALL,
    stored_answer,
    stored_answers,
)
from playground.interface.form import ALL_EXAMPLES, COMPLETIONS, EXAMPLES, examples_for
from playground.presets import DEFAULT_PRESET
from playground.session import Session, fastest_dtype, start_engine
from playground.settings import GenerationSettings
from tools.examples import write_answers
from tools.written_with import changed_since, written_with


def test_each_example_has_an_answer_by_the_default_model() -> None:
    for example, stored in zip(EXAMPLES, stored_answers(), strict=True):
        assert stored.run.prompt == example.prompt
        assert stored.run.settings.chat == example.chat
        assert stored.run.model is not None
        assert stored.run.model.preset == DEFAULT_PRESET
        shown = "".join(text for text, *_ in stored.spans["answer"])
        assert shown == stored.run.shown_text
        assert stored.run.finished is not None
        assert None not in stored.run.records


def test_the_small_model_says_what_is_stored_to_its_own_examples() -> None:
    engine = start_engine(SMALL, warm_length=0)
    try:
        anew = json.loads(write_answers(Session(engine, record=True), SMALL))["answers"]
    finally:
        engine.close()
    for example, stored, written in zip(
        examples_for(SMALL), stored_answers(SMALL), anew, strict=True
    ):
        assert stored_answer(SMALL, example) is stored
        assert stored.run.prompt == stored.run.prompt_text == example.prompt
        assert stored.run.token_ids == written["run"]["token_ids"]
        assert None not in stored.run.records
    assert stored_answer(DEFAULT_PRESET, examples_for(SMALL)[0]) is None


def test_examples_of_one_label_are_one_example() -> None:
    sets = (EXAMPLES, COMPLETIONS, examples_for(SMALL))
    assert all(ALL_EXAMPLES[each.label] is each for each in itertools.chain(*sets))
    assert not any(each.chat for each in (*COMPLETIONS, *examples_for(SMALL)))


def test_a_session_gets_a_copy_of_its_own() -> None:
    stored = stored_answers()[0]
    stored.copy_of_run().token_ids.append(1)
    assert stored.copy_of_run().token_ids == stored.run.token_ids


@pytest.mark.parametrize("preset", PRESETS)
def test_answers_are_as_new_as_the_defaults(preset: str) -> None:
    """`make examples` writes them."""
    stored = json.loads(PRESETS[preset].read_text(encoding="utf-8"))
    assert stored["written_with"]["preset"] == preset
    assert changed_since(stored["written_with"]) == {}
    for example, answer in zip(
        examples_for(preset), stored_answers(preset), strict=True
    ):
        asked = GenerationSettings(
            chat=example.chat, seed=SEED, max_new_tokens=MAX_NEW_TOKENS
        )
        assert answer.run.settings == asked
        assert answer.run.model is not None
        assert answer.run.model.dtype.startswith(fastest_dtype())


def test_another_default_is_a_change_and_a_new_setting_is_none() -> None:
    now = written_with(SMALL)
    settings = {**now["settings"], "temperature": 0.1}
    del settings["dry_base"]  # as if it had come later
    then = {**now, "dtype": "float32", "weights_sha256": "0", "settings": settings}
    assert changed_since(then) == {
        "dtype": ("float32", now["dtype"]),
        "weights_sha256": ("0", now["weights_sha256"]),
        "temperature": (0.1, now["settings"]["temperature"]),
    }


@pytest.mark.slow
def test_the_default_model_still_says_the_same() -> None:
    engine = start_engine(DEFAULT_PRESET, warm_length=0)
    try:
        anew = json.loads(write_answers(Session(engine, record=True)))["answers"]
    finally:
        engine.close()
    kept = json.loads(FILE.read_text(encoding="utf-8"))["answers"]
    for stored, written in zip(kept, anew, strict=True):
        assert written["run"]["token_ids"] == stored["run"]["token_ids"]
        # Numbers may differ in their last digit on another processor.
        for part in ("prompt", "answer"):
            drawn, expected = written["spans"][part], stored["spans"][part]
            assert [(*s[:2], s[4]) for s in drawn] == [(*s[:2], s[4]) for s in expected]
