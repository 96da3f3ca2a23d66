"""What the tabs beside a run do to each other, called as Gradio calls them."""

import threading
from types import SimpleNamespace

import gradio as gr
import pytest

from playground.controls import CONTROLS
from playground.interface.explorer import Explorer
from playground.interface.form import SHOWN
from playground.web.offered_models import OfferedModels
from playground.web.run_updates import NOTHING
from playground.web.tab import Tab
from tests.screen import spans_in

DEFAULTS = {control.name: control.default for control in CONTROLS}
VALUES = [DEFAULTS[control.name] for control in SHOWN]
SENT = ["", "Ruler", "Layer", 0, 0, *VALUES]
REQUEST = SimpleNamespace(session_hash="one")


@pytest.fixture
def tab(scripted):
    return Tab(OfferedModels(scripted.preset, scripted))


@pytest.fixture
def compare(tab, exploration):
    """Starts a comparison of `tab`; gives its updates, one for each token."""

    def start(names=("top_p", "greedy")):
        return exploration.compare(tab, REQUEST, "Hello", list(names), *VALUES)

    return start


def stop_button(updates):
    """Whether Stop can be pressed, of the updates that say so."""
    return [stop.interactive for _, stop in updates if stop != gr.skip()]


def test_stop_is_there_while_samplers_are_compared(scripted, compare):
    scripted.allow(None)
    *drawn, last = compare()
    on, off = stop_button(drawn)[0], stop_button(drawn)[-1]
    assert (on, off) == (True, False)
    assert last == NOTHING[:2]


def test_a_run_is_not_ended_by_the_comparison_before(
    scripted, tab, handlers, compare, monkeypatch
):
    scripted.allow(3)
    comparing = compare()
    next(comparing)
    run = handlers.run(tab, REQUEST, "You", *VALUES)
    next(run)
    monkeypatch.setattr(tab.session, "stop", lambda: pytest.fail("It was stopped."))
    assert False not in stop_button(comparing)  # the run can still be stopped
    monkeypatch.undo()
    scripted.allow(None)
    *_, (spans, status, _, _), _ = run
    assert status["phase"] == "done"
    assert len(spans_in(spans["answer"])) == len(scripted.answer)


def test_an_answer_is_not_drawn_over_by_the_question_before(
    scripted, tab, handlers, exploration, monkeypatch
):
    scripted.allow(None)
    list(handlers.run(tab, REQUEST, "Hello", *VALUES))
    ready = threading.Event()
    views = Explorer.tab

    def slowly(explorer, name, *rest):
        return (
            ready.wait(10) and () if name == "Cache" else views(explorer, name, *rest)
        )

    monkeypatch.setattr(Explorer, "tab", slowly)
    tab.opened = "Cache"
    slow = exploration.show(tab, REQUEST, *SENT)
    assert "Working" in str(next(slow))
    tab.opened = "Candidates"
    answer, last = exploration.show(tab, REQUEST, *SENT)
    assert "Kept " in str(answer)
    *_, late = slow
    ready.set()
    assert late == last == (gr.skip(),) * len(last)
