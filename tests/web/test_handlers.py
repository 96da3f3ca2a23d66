"""The functions behind the page, called as Gradio calls them."""

from itertools import islice
from types import SimpleNamespace

import pytest

from playground.controls import CONTROLS
from playground.interface.form import SHOWN
from playground.web.handlers import Handlers
from playground.web.limits import Limits
from playground.web.listeners import Listeners
from playground.web.offered_models import OfferedModels
from playground.web.run_updates import NOTHING
from playground.web.tab import Tab
from tests.screen import spans_in, text_of
from tests.scripted import loading


def values(**changed):
    """What the browser sends of the controls."""
    defaults = {control.name: control.default for control in CONTROLS} | changed
    return [defaults[control.name] for control in SHOWN]


@pytest.fixture
def tab(scripted):
    return Tab(OfferedModels(scripted.preset, scripted))


@pytest.fixture
def run(tab):
    """Starts a run of `tab`; gives its updates."""
    handlers = Handlers(tab.offered, 4096)
    request = SimpleNamespace(session_hash="one")

    def start(prompt="Hello", **changed):
        return handlers.run(tab, request, prompt, *values(**changed))

    return start


@pytest.mark.parametrize(
    ("prompt", "changed"),
    [("Hello", {}), ("  ", {}), ("Hello", {"max_new_tokens": 0})],
    ids=["a whole run", "an empty prompt", "a wrong number"],
)
def test_the_last_update_changes_nothing(scripted, run, prompt, changed):
    scripted.allow(None)
    *drawn, last = run(prompt, **changed)
    assert len(drawn) > 1
    assert last == NOTHING


def test_a_run_whose_place_was_taken_draws_nothing_more(scripted, run):
    first = run("First")
    scripted.allow(1)
    assert any(update[0].get("answer") for update in islice(first, 5))
    second = run("Second")
    next(second)
    assert list(first) == [NOTHING]
    scripted.allow(None)
    assert text_of(spans_in(list(second)[-2][0]["prompt"])) == (
        "<|user|>Second\n<|model|>"
    )


def test_a_new_run_counts_before_the_old_one_is_stopped(tab):
    counted = []
    tab.session.stop = lambda: counted.append(tab.runs.latest.number)
    tab.start()
    assert counted == [1]


def test_why_something_was_refused_stays_while_a_model_loads(tab, run, scripted):
    scripted.status, scripted.model = loading(0.4), None
    handlers = Handlers(tab.offered, 4096)
    refused = Limits(Listeners()).run.refuses
    for refuse, words in (
        (lambda: list(run("  "))[-2], "The prompt is empty"),
        (lambda: handlers.open_file(tab, b"{}"), "schema"),
        (lambda: handlers.choose(tab, "another"), "This page offers"),
        (lambda: refused(tab, "Too many texts."), "Too many"),
    ):
        tab.start()
        assert handlers.refresh(tab)[1]["words"] == "Downloading"
        assert words in refuse()[1]["words"]
        assert handlers.refresh(tab)[1] == NOTHING[1]
