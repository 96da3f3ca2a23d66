"""The stored answers of the page's examples."""

import json

import pytest

from playground.engine import Engine
from playground.hosts.examples import FILE, stored_answers, write_answers
from playground.hosts.form import EXAMPLES
from playground.models import MistralCausalLM
from playground.presets import DEFAULT_PRESET
from playground.session import Session


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


def test_a_session_gets_a_copy_of_its_own() -> None:
    stored = stored_answers()[0]
    stored.copy_of_run().token_ids.append(1)
    assert stored.copy_of_run().token_ids == stored.run.token_ids


@pytest.mark.slow
def test_the_default_model_still_says_the_same(
    engine: Engine[MistralCausalLM],
) -> None:
    anew = json.loads(write_answers(Session(engine, record=True)))
    for stored, written in zip(json.loads(FILE.read_text()), anew, strict=True):
        assert written["run"]["token_ids"] == stored["run"]["token_ids"]
        # Numbers may differ in their last digit on another processor.
        for part in ("prompt", "answer"):
            drawn, expected = written["spans"][part], stored["spans"][part]
            assert [(*s[:2], s[4]) for s in drawn] == [(*s[:2], s[4]) for s in expected]
