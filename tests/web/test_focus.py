"""One token in focus: the line above the tabs, ring and Take are of the same one."""

import threading
from types import SimpleNamespace

import gradio as gr
import pytest

from playground.interface.explorer import Explorer, Focus
from playground.interface.form import SHOWN
from playground.web.explore import PANELS, focus_html
from playground.web.offered_models import OfferedModels
from playground.web.tab import Tab

VALUES = [8 if c.name == "max_new_tokens" else c.default for c in SHOWN]
SENT = ["", "Ruler", "Layer", 0, 0, *VALUES]
REQUEST = SimpleNamespace(session_hash="one")


def event(**data):
    return SimpleNamespace(_data=data)


@pytest.fixture
def tab(scripted):
    scripted.allow(None)
    return Tab(OfferedModels(scripted.preset, scripted))


@pytest.fixture
def run(tab, handlers):
    list(handlers.run(tab, REQUEST, "Hello you", *VALUES))
    return tab.session.transcript


def shown(updates):
    """The line that names the token, and the open panel, when all is drawn."""
    *_, (where, *panels), _ = list(updates)
    return where, next((html for html in panels if html != gr.skip()), None)


def look_at(tab, exploration, index, prompt=False, number=1):
    choice = event(index=index, prompt=prompt, number=number)
    return shown(exploration.focus(tab, REQUEST, choice, *SENT))


@pytest.mark.usefixtures("run")
def test_the_line_says_which_token_and_which_choice_it_is(tab, exploration):
    where, _ = look_at(tab, exploration, 2, number=7)
    before = len(tab.session.transcript.prompt_token_ids)
    assert where == (
        '<span data-part="answer" data-index="2" data-number="7">'
        f"Token {before + 2}, new token 2: ␣word2</span>"
    )


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("opened", ["Candidates", "Window", "Compare", "Learn"])
def test_every_tab_names_the_token_in_focus(tab, exploration, opened):
    tab.focus, tab.opened = Focus(index=2), opened
    where, _ = shown(exploration.show(tab, REQUEST, *SENT))
    assert "new token 2:" in where


@pytest.mark.usefixtures("run")
def test_a_token_that_a_tab_cannot_show_is_in_focus_all_the_same(tab, exploration):
    where, panel = look_at(tab, exploration, 0, prompt=True)
    assert 'data-part="prompt" data-index="0"' in where
    assert "You wrote this token" in panel


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "act",
    [
        lambda handlers, tab: list(handlers.go_on(tab, REQUEST, *VALUES)),
        lambda handlers, tab: list(
            handlers.one_token(tab, REQUEST, "Hello you", *VALUES)
        ),
        lambda handlers, tab: list(handlers.run(tab, REQUEST, "Again", *VALUES)),
        lambda handlers, tab: handlers.turn(tab, event(step=-1)),
    ],
    ids=["Continue", "Step", "Generate", "Undo"],
)
def test_after_it_the_last_token_of_what_is_shown_is_in_focus(
    tab, handlers, exploration, act
):
    list(handlers.run(tab, REQUEST, "Hello you", *VALUES))
    look_at(tab, exploration, 1)
    act(handlers, tab)
    length = len(tab.session.transcript.token_ids)
    where, panel = shown(exploration.show(tab, REQUEST, *SENT))
    assert f'data-index="{length - 1}"' in where
    assert f'data-index="{length - 1}"' in panel


@pytest.mark.usefixtures("run")
def test_a_question_about_the_text_before_is_not_answered_any_more(
    tab, exploration, monkeypatch
):
    ready = threading.Event()
    monkeypatch.setattr(Explorer, "tab", lambda *_: ready.wait(10) and ())
    tab.opened, tab.focus = "Cache", Focus(index=1)
    asked = exploration.show(tab, REQUEST, *SENT)
    assert "new token 1:" in next(asked)[0]
    tab.start()
    ready.set()
    assert list(asked) == [(gr.skip(),) * (1 + len(PANELS))]
    assert "new token 7:" in focus_html(tab)


def test_a_candidate_is_taken_where_its_list_was(tab, handlers, exploration, run):
    """Also when the focus is elsewhere by now, and another run is shown."""
    _, panel = look_at(tab, exploration, 3)
    assert 'data-run="0" data-index="3"' in panel
    look_at(tab, exploration, 6)
    list(handlers.run(tab, REQUEST, "Another", *VALUES))
    taken = event(token=0, run=0, index=3)
    list(handlers.branch(tab, REQUEST, taken, *VALUES))
    branch = tab.session.transcript
    assert branch.token_ids[:4] == [*run.token_ids[:3], 0]
    assert tab.session.version.parent == 0


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "data", [{}, {"token": 0}, {"token": "0", "run": 0, "index": 1}]
)
def test_a_candidate_of_no_list_is_refused_in_words(tab, handlers, data):
    *_, (_, status, _, _), _ = handlers.branch(tab, REQUEST, event(**data), *VALUES)
    assert "Choose a candidate" in status["words"]
    assert len(tab.session.tree.versions) == 1
