"""One address cannot take all places: endpoints refuse what is too much, in words."""

import threading
import time

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from playground.web.endpoints import QUESTIONS_AT_ONCE, QUESTIONS_OF_ONE, TEXTS_OF_ONE
from playground.web.quota import Quota
from tests.scripted import Scripted
from tests.web.conftest import open_page

GENERATE = {"api_name": "/generate", "max_new_tokens": 1}


def test_a_place_is_there_again_when_it_was_left_even_by_a_fault():
    places = Quota(1, "texts")
    with pytest.raises(KeyError), places.taken("here"):
        raise KeyError
    with places.taken("here"):
        other = places.taken("here")
        with pytest.raises(ValueError, match="You already have 1 texts in"):
            other.__enter__()
        with places.taken("there"):
            pass
    with places.taken("here"):
        pass


def client_at(page, address):
    """A client at an address, as a proxy on this machine tells it."""
    return Client(page.url, verbose=False, headers={"X-Forwarded-For": address})


def test_who_asks_for_too_many_texts_is_refused_and_others_are_not(page, scripted):
    mine, yours = client_at(page, "10.0.0.1"), client_at(page, "10.0.0.2")
    jobs = [mine.submit("Hello", **GENERATE) for _ in range(TEXTS_OF_ONE)]
    assert scripted.wait_for_runs(TEXTS_OF_ONE)
    with pytest.raises(AppError, match="You already have 8 texts in progress"):
        mine.predict("Hello", **GENERATE)
    jobs.append(yours.submit("Hello", **GENERATE))
    assert scripted.wait_for_runs(TEXTS_OF_ONE + 1)
    scripted.allow(None)
    assert {job.result(timeout=30) for job in jobs} == {" word0"}
    assert mine.predict("Hello", **GENERATE) == " word0"


@pytest.fixture
def slow(monkeypatch):
    """A page with one question, which takes until `slow.go_on` is set."""
    asked, go_on = threading.Semaphore(0), threading.Event()

    def slowly(_model, _settings, text: str) -> dict:
        """Answer slowly."""
        asked.release()
        go_on.wait(30)
        return {"text": text}

    monkeypatch.setattr("playground.web.endpoints.QUESTIONS", {slowly: ()})
    page = open_page(Scripted())
    page.asked, page.go_on = asked, go_on
    yield page
    go_on.set()
    page.demo.close(verbose=False)


def test_who_asks_too_much_is_refused_and_few_questions_are_read_at_once(slow):
    mine, yours = client_at(slow, "10.0.0.1"), client_at(slow, "10.0.0.2")
    jobs = [mine.submit("a", api_name="/slowly") for _ in range(QUESTIONS_OF_ONE + 2)]
    for _ in range(QUESTIONS_AT_ONCE):
        assert slow.asked.acquire(timeout=15)
    end = time.monotonic() + 15
    while sum(job.done() for job in jobs) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    refused = [job for job in jobs if job.done()]
    for job in refused:
        assert "You already have 4 questions in progress" in str(job.exception())
    last = yours.submit("a", api_name="/slowly")
    assert not slow.asked.acquire(timeout=0.3)
    slow.go_on.set()
    answered = [job for job in jobs if job not in refused]
    assert len(answered) == QUESTIONS_OF_ONE
    for job in [*answered, last]:
        assert job.result(timeout=30) == {"text": "a"}
