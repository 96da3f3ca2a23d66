"""What page and panel show at each moment of a run."""

import contextlib
import threading

import pytest

from playground.engine import PrefillProgress
from playground.interface.run_loop import BEGINS, RunLoop, frame_of_end
from playground.session import Session
from playground.settings import GenerationSettings
from playground.web.offered_models import OfferedModels
from playground.web.tab import Tab
from tests.scripted import Scripted

SETTINGS = GenerationSettings(max_new_tokens=4, seed=7)


@pytest.fixture(autouse=True)
def _every_event(monkeypatch):
    monkeypatch.setattr("playground.interface.throttle.SECONDS_BETWEEN_UPDATES", 0)


@pytest.fixture
def session():
    return Session(Scripted(), record=True)


def start(session, prompt="Hello"):
    return lambda: session.generate(prompt, SETTINGS)


def test_a_run_is_shown_from_its_beginning_to_its_end(session):
    session.engine.allow(None)
    loop = RunLoop()
    frames = list(loop.answer_click(loop.end(session), session, start(session)))
    assert frames[0] == BEGINS
    assert [frame.status.words for frame in frames[1:]] == [
        "Reading prompt",
        *["Generating"] * 4,
        "Reached 4 new tokens · 41 tok/s · seed 7",
    ]
    assert [frame.live for frame in frames] == [True] * 6 + [False]
    assert {id(frame.run) for frame in frames[1:]} == {id(session.transcript)}
    assert frame_of_end(session) == frames[-1]


def test_of_two_clicks_only_the_later_one_begins(session):
    """Also where the first takes longer: it would end what the second began."""
    loop = RunLoop()
    first = loop.answer_click(loop.end(session), session, start(session, "First"))
    assert next(first) == BEGINS
    second = loop.answer_click(loop.end(session), session, start(session, "Second"))
    assert next(second) == BEGINS
    assert next(second).run.prompt == "Second"
    assert next(first, None) is None
    session.engine.allow(None)
    *_, last = second
    assert last.run.finished.reason == "length"
    assert [version.run.prompt for version in session.tree.versions] == ["Second"]


def test_a_click_that_is_refused_leaves_the_text_that_it_ended(session):
    loop = RunLoop()
    frames = loop.answer_click(loop.end(session), session, start(session))
    session.engine.allow(1)
    shown = [next(frames) for _ in range(3)][-1]
    assert shown.run.text == " word0"
    number = loop.end(session)
    _, refused = loop.answer_click(number, session, start(session, " "))
    assert refused.status.words == "The prompt is empty. Type something first."
    assert (refused.run, refused.live, refused.keeps_text) == (shown.run, False, False)
    assert list(frames) == []
    assert shown.run.finished.reason == "cancelled"
    _, again = loop.answer_click(loop.end(session), session, start(session, " "))
    assert again.keeps_text


def test_a_call_that_is_refused_ends_nothing(session):
    loop = RunLoop()
    frames = loop.begin(session, start(session))
    with pytest.raises(ValueError, match="empty"):
        loop.begin(session, start(session, " "))
    session.engine.allow(None)
    assert [frame.live for frame in frames] == [True] * 5 + [False]


def test_the_end_of_a_run_that_was_replaced_is_kept_and_not_shown(session):
    loop = RunLoop()
    old = loop.begin(session, start(session, "First"))
    session.engine.allow(1)
    run = [next(old), next(old)][-1].run
    new = loop.begin(session, start(session, "Second"))
    assert list(old) == []
    assert run.finished.reason == "cancelled"
    new.close()


def test_closing_the_frames_ends_the_run_unless_another_has_begun(session):
    loop = RunLoop()
    frames = loop.begin(session, start(session))
    next(frames)
    frames.close()
    assert session.transcript.finished.reason == "cancelled"
    old = loop.begin(session, start(session))
    next(old)
    new = loop.begin(session, start(session))
    old.close()
    session.engine.allow(None)
    assert [*new][-1].run.finished.reason == "length"


def test_an_error_on_the_way_is_the_last_frame(session):
    def broken():
        yield PrefillProgress(done=1, total=1)
        raise ZeroDivisionError("in the engine")

    def begin():
        events = broken()
        session.generate("Hello", SETTINGS)
        return events

    *_, last = RunLoop().begin(session, begin)
    assert (last.status.phase, last.live) == ("error", False)
    assert last.status.words == "ZeroDivisionError: in the engine"


def test_two_functions_of_a_new_tab_find_one_session(monkeypatch):
    """They come at the same time: each waits for the other as long as it can."""
    scripted = Scripted()
    tab = Tab(OfferedModels(scripted.preset, scripted))
    both = threading.Barrier(2)

    def engine(_name):
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(timeout=0.3)
        return scripted

    monkeypatch.setattr(tab.offered, "engine", engine)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(tab.session)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]
