"""A model that could not be loaded is tried again, wherever it is asked for again."""

import threading

import pytest

from playground.engine import Engine, Finished, ModelUnavailable
from playground.interface.status import engine_status
from playground.models import MistralCausalLM
from playground.session import AGAIN, Session
from playground.settings import GenerationSettings
from playground.web.offered_models import OfferedModels
from playground.web.tab import Tab
from tests.conftest import tiny_model

SETTINGS = GenerationSettings(max_new_tokens=2)
WORDS = "No connection to the hub"


@pytest.fixture
def model(preprocessor):
    size = preprocessor.tokenizer.vocabulary_size()
    return MistralCausalLM(tiny_model(vocabulary_size=size).backbone, preprocessor)


class Loads:
    """Fails as often as it is told, then gives the model."""

    def __init__(self, model, failures):
        self.model, self.failures, self.calls = model, failures, 0

    def __call__(self, *_):
        self.calls += 1
        if self.calls <= self.failures:
            raise ModelUnavailable(WORDS)
        return self.model


@pytest.fixture
def failed(model):
    """An engine whose first load has failed; a second one works."""
    engine = Engine(Loads(model, 1), warm_length=0)
    assert engine.wait(30).phase == "failed"
    yield engine
    engine.close()


def end_of(events):
    *_, end = events
    assert isinstance(end, Finished)
    return end


def test_a_run_tries_again_and_the_words_say_so(model):
    engine = Engine(Loads(model, 2), warm_length=0)
    session = Session(engine)
    first = end_of(session.generate("the sea", SETTINGS))
    assert (first.reason, first.message) == ("error", f"{WORDS}\n{AGAIN}")
    assert engine_status(engine).numbers == AGAIN
    if engine._load.calls == 1:  # else the first run came after the first failure
        end_of(session.generate("the sea", SETTINGS))
    assert end_of(session.generate("the sea", SETTINGS)).reason == "length"
    assert engine.status.phase == "ready"
    assert engine._load.calls == 3
    engine.close()


def test_a_model_that_is_there_is_not_loaded_once_more(failed):
    failed.try_again()
    failed.try_again()
    assert failed.wait(30).phase == "ready"
    failed.try_again()
    assert failed._load.calls == 2


def test_a_closed_engine_stays_closed(failed):
    failed.close()
    failed.try_again()
    assert not failed._thread.is_alive()


def test_who_chooses_it_on_the_page_tries_again(failed):
    tab = Tab(OfferedModels("first", failed))
    assert tab.session.engine.status.phase == "failed"  # a look at the page does not
    tab.choose("first")
    assert failed.wait(30).phase == "ready"


def test_after_a_fault_between_the_runs_the_same_model_serves_again(model, monkeypatch):
    loads = Loads(model, 0)
    engine = Engine(loads, warm_length=0)
    session = Session(engine)
    assert end_of(session.generate("the sea", SETTINGS)).reason == "length"

    def broken(*_):
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("playground.engine.scheduler.Scheduler.advance", broken)
        end = end_of(session.generate("the sea", SETTINGS))
    assert end.message == "MemoryError: no room"
    engine._thread.join(30)
    assert engine.status.phase == "failed"
    assert end_of(session.generate("the sea", SETTINGS)).reason == "length"
    assert loads.calls == 1
    engine.close()


def test_a_failure_does_not_end_runs_that_come_after_it(model):
    """Words and end of the waiting runs are one step, so none is taken for an old."""
    engine = Engine(Loads(model, 1), warm_length=0)
    ends = []

    def keep_asking():
        session = Session(engine)
        while not ends:
            if end_of(session.generate("the sea", SETTINGS)).reason == "length":
                ends.append(session.text)

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ends
    assert engine._load.calls == 2
    engine.close()
