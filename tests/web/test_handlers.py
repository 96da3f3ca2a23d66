"""The functions behind the page, called as Gradio calls them."""

from types import SimpleNamespace

import gradio as gr
import pytest

from playground.controls import CONTROLS
from playground.web.handlers import CONTROLS_ON_PAGE, Handlers, Tab
from tests.web.conftest import ScriptedSession


def values(**changed):
    """What the browser sends of the controls."""
    defaults = {control.name: control.default for control in CONTROLS} | changed
    return [defaults[control.name] for control in CONTROLS_ON_PAGE]


@pytest.fixture
def tab(scripted):
    return Tab(lambda: ScriptedSession(scripted))


@pytest.fixture
def run(scripted, tab):
    """Starts a run of `tab`; gives its updates."""
    handlers = Handlers(scripted, scripted.preset, 4096, tab.new_session)
    request = SimpleNamespace(session_hash="one")

    def start(prompt="Hello", **changed):
        return handlers.run(tab, request, prompt, *values(**changed))

    return start


NOTHING = (gr.skip(), gr.skip(), gr.skip())


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
    while not next(first)[0].get("text"):
        pass
    second = run("Second")
    next(second)
    assert list(first) == [NOTHING]
    scripted.allow(None)
    assert list(second)[-2][0]["prompt"] == "<|user|>Second\n<|model|>"


def test_a_new_run_counts_before_the_old_one_is_stopped():
    counted = []
    session = SimpleNamespace(stop=lambda: counted.append(tab.latest_run))
    tab = Tab(lambda: session)
    tab.start()
    assert counted == [1]
