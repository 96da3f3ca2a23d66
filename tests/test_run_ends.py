"""However a run goes, its transcript ends with exactly one `Finished`."""

import gc
import json

import pytest

from playground.engine import BusyError, Engine, Finished, Step
from playground.models import MistralCausalLM
from playground.session import Session, start_engine
from playground.session.comparison import Comparison
from playground.settings import GenerationSettings
from playground.transcript import KeptEvents, Transcript
from tests.scripted import Scripted, loading

SETTINGS = GenerationSettings(max_new_tokens=3)
CHAT = GenerationSettings(max_new_tokens=3, chat=True)


def ends(events):
    return [event for event in events if isinstance(event, Finished)]


@pytest.fixture
def scripted():
    engine = Scripted()
    engine.allow(None)
    return engine


@pytest.fixture
def without_chat(scripted):
    scripted.model.text_preprocessor.tokenizer.chat_template = None
    return scripted


def crash(*_, **__):
    raise ZeroDivisionError("on the way")


def full(*_):
    raise BusyError("64 people are waiting already.")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (crash, "ZeroDivisionError: on the way"),
        (full, "64 people are waiting already."),
    ],
)
def test_a_run_that_fails_says_so_in_transcript_tree_and_file(
    scripted, monkeypatch, broken, message
):
    monkeypatch.setattr(scripted, "submit", broken)
    session = Session(scripted)
    (end,) = ends(session.generate("Hello", SETTINGS))
    assert (end.reason, end.message) == ("error", message)
    assert session.tree.versions[0].run.finished == end
    stored = json.loads(json.dumps(session.transcript.to_json()))
    assert stored["finish_reason"] == "error"
    assert Transcript.from_json(stored).finished == end


def test_what_fails_after_some_tokens_keeps_them(scripted, monkeypatch):
    session = Session(scripted)
    events = session.generate("Hello", SETTINGS)
    while not isinstance(next(events), Step):
        pass
    tokenizer = scripted.model.text_preprocessor.tokenizer
    monkeypatch.setattr(tokenizer, "token_bytes", crash)
    (end,) = ends(events)
    assert end == Finished(reason="error", message="ZeroDivisionError: on the way")
    assert session.transcript.finished == end
    assert session.transcript.text == " word0"
    assert not scripted.waiting  # the engine's run has ended too


def test_a_model_that_cannot_be_had_ends_the_run(scripted):
    scripted.status, scripted.model = loading(0.5), None
    scripted.wait_for_model = lambda _seconds: scripted.status.phase == "failed"
    session = Session(scripted)
    events = session.generate("Hello", SETTINGS)
    next(events)
    scripted.status.phase, scripted.status.message = "failed", "the file ends early"
    (end,) = ends(events)
    assert end.reason == "error"
    assert "the file ends early" in end.message
    assert session.transcript.finished == end


def test_who_stops_before_a_run_begins_finds_it_cancelled(scripted):
    session = Session(scripted)
    events = session.generate("Hello", SETTINGS)
    session.stop()
    assert ends(events) == [Finished(reason="cancelled")]
    assert session.transcript.finished == Finished(reason="cancelled")


@pytest.mark.parametrize("heard", [0, 3])
@pytest.mark.parametrize("how", ["close", "let go"])
def test_who_closes_a_run_or_lets_go_of_it_has_cancelled_it(scripted, heard, how):
    session = Session(scripted)
    events = session.generate("Hello", SETTINGS)
    for _ in range(heard):
        next(events)
    if how == "close":
        events.close()
        assert list(events) == []
    del events
    gc.collect()
    assert session.transcript.finished == Finished(reason="cancelled")
    assert not scripted.waiting


def test_an_interrupted_cell_has_cancelled_its_run():
    def interrupted():
        raise KeyboardInterrupt
        yield

    run = Transcript(settings=SETTINGS, seed=1)
    events = KeptEvents(interrupted(), run)
    with pytest.raises(KeyboardInterrupt):
        next(events)
    assert run.finished == Finished(reason="cancelled")


def test_of_compared_runs_each_ends_also_if_nobody_listens(scripted):
    comparison = Comparison(scripted, "Hello", [SETTINGS, SETTINGS])
    updates = comparison.updates()
    next(updates)
    updates.close()
    runs = comparison.runs
    del comparison, updates
    gc.collect()
    assert all(scripted.wait_for_runs(0) and run.finished for run in runs)


def test_an_answer_that_never_began_cannot_go_on(scripted, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(scripted, "submit", full)
        scripted.model, model = None, scripted.model
        scripted.wait_for_model = lambda _seconds: True
        session = Session(scripted)
        list(session.generate("Hello", SETTINGS))
    scripted.model = model
    with pytest.raises(ValueError, match="There is no answer yet to go on from"):
        session.go_on()


def test_a_chat_format_is_used_where_the_model_has_one(scripted):
    session = Session(scripted)
    list(session.generate("Hello", SETTINGS))
    assert session.prompt_text == "<|user|>Hello\n<|model|>"
    assert session.transcript.settings.chat is True
    list(session.go_on(GenerationSettings(chat=False, max_new_tokens=1)))
    assert session.transcript.settings.chat is True  # so was its prompt made


def test_without_one_the_prompt_is_read_as_it_is(without_chat):
    session = Session(without_chat)
    list(session.generate("Hello", SETTINGS))
    assert session.prompt_text == "Hello"
    assert session.transcript.settings.chat is False


def test_who_insists_on_one_is_refused_before_anything_begins(without_chat):
    session = Session(without_chat)
    with pytest.raises(ValueError, match="no chat template"):
        session.generate("Hello", CHAT)
    assert not session.tree.versions


@pytest.mark.parametrize(
    ("settings", "reason"), [(SETTINGS, "length"), (CHAT, "error")]
)
def test_it_is_decided_when_the_model_is_there(without_chat, settings, reason):
    model, without_chat.model = without_chat.model, None
    session = Session(without_chat)
    events = session.generate("Hello", settings)
    next(events)
    without_chat.model = model
    (end,) = ends(events)
    assert end.reason == session.transcript.finished.reason == reason


def test_settings_without_a_choice_of_format_are_read_by_all_versions():
    stored = SETTINGS.to_json()
    assert "chat" not in stored  # before, it was true or false or missing
    assert GenerationSettings.from_json(stored) == SETTINGS
    assert GenerationSettings.from_json(CHAT.to_json()) == CHAT


@pytest.fixture(scope="module")
def shakespeare():
    engine = start_engine("shakespeare_mistral", warm_length=0)
    assert engine.wait(120).phase == "ready"
    yield engine
    engine.close()


def test_the_small_model_answers_with_the_default_settings(
    shakespeare: Engine[MistralCausalLM],
):
    session = Session(shakespeare)
    (end,) = ends(session.generate("ROMEO.\n", GenerationSettings(max_new_tokens=12)))
    assert end.reason == "length"
    assert len(session.text) > 10
