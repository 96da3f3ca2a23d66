"""A view that is added by CONTRIBUTING's steps is everywhere that views are."""

import re
import sys
from types import ModuleType

import gradio as gr
import numpy as np
import pytest

import widgets
from playground.interface.explorer import Choices, Focus
from playground.interface.form import SHOWN
from playground.plots import figure
from playground.views import registry
from playground.web import build
from playground.web.explore import Exploration, SentChoices
from playground.web.handlers import Handlers
from playground.web.offered_models import OfferedModels
from playground.web.tab import Tab
from tests.test_contributing import PAGE, example
from tests.views.scripted_explained import ScriptedExplained
from tools import gallery, gallery_scenes
from widgets import generate
from widgets.engines import borrow

pytestmark = pytest.mark.usefixtures("no_drawing")
SECTION = PAGE.partition("## Add a view")[2].partition("\n## ")[0]
ABOUT = "How far back each layer looks, on average."
HOW_TO_READ = "A bar for each layer: the higher, the farther its heads look back."


@pytest.fixture
def added(monkeypatch):
    """The view's own module, with the examples run where they are to be written."""
    module = ModuleType("playground.views.look_back")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(example("class LookBackView:"), vars(module))
    exec(example("def draw_look_back("), {})
    exec(example("def look_back("), dict(vars(registry)))
    yield module
    del registry.VIEWS["look_back"]
    vars(widgets.figures).pop("show_look_back", None)


def test_four_files_are_touched():
    touched = re.findall(r"^\d\. \*\*.*?\*\*, in `([\w/.]+)`", SECTION, re.M)
    assert touched == [
        "playground/views/look_back.py",
        "playground/plots/look_back.py",
        "playground/views/registry.py",
        "tests/views/test_look_back.py",
    ]
    assert "Four files are touched" in SECTION


def test_its_numbers_are_right_and_its_picture_draws_them(added):
    itself, before = np.eye(3), np.eye(3, k=-1)
    before[0, 0] = 1
    weights = [[itself, itself], [itself, before]]  # 2 of 3 tokens look 1 back, by half
    view = added.look_back_view(ScriptedExplained(weights))
    np.testing.assert_allclose(view.distance, [0, 1 / 3])
    assert view.words() == "Layer 1 looks back farthest, 0.3 tokens on average."
    (axes,) = figure(view).axes
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights, view.distance)


@pytest.fixture
def run(model):
    return generate(model, "the sea", max_new_tokens=4, seed=1, chat=False)


def test_it_is_a_function_of_notebooks(added, run):
    shown = widgets.show_look_back(run, sliding_window=3)
    assert isinstance(shown.view, added.LookBackView)
    assert shown.view.words() != widgets.show_look_back(run).view.words()
    assert "show_look_back" in dir(widgets)
    assert widgets.show_look_back.__doc__ == f"{ABOUT}\n\n{HOW_TO_READ}"


@pytest.mark.usefixtures("added")
def test_it_is_in_a_tab_of_page_and_panel(run, model, panel_for):
    words = widgets.show_look_back(run).view.words()
    (view,) = run.explorer.tab("Heads", "Look back", Choices(layer=1))
    assert view.words() == words

    content = panel_for(model).contents["Heads"]
    assert content.view.options[-1] == "Look back"
    assert content.view.tooltips[-1] == ABOUT
    content.view.value = "Look back"
    assert content.layer.layout.display == content.head.layout.display == "none"
    (in_panel,) = content.views(run, lambda *_: None)
    assert in_panel.words() == words

    engine = borrow(model)
    blocks = list(build(engine, "tiny").blocks.values())
    choices = [c for b in blocks if isinstance(b, gr.Radio) for c in b.choices]
    assert ("Look back", "Look back") in choices
    html = "".join(str(b.value) for b in blocks if isinstance(b, gr.HTML))
    assert '#tabs:has([value="Look back"]:checked) #layer { display: none }' in html
    tab = Tab(OfferedModels("tiny", engine))
    tab.session.open(run.transcript)
    tab.opened = "Heads"
    handlers = Handlers(tab.offered, 4096)
    exploration = Exploration(handlers.settings_on_page, handlers.open_tabs)
    values = [control.default for control in SHOWN]
    asked = SentChoices("", ("Ruler", "Look back"), 0, 0, values)
    (on_page,) = exploration._views(tab, Focus(index=1), asked)
    assert on_page.words() == words


def test_it_is_in_the_gallery(added, run, monkeypatch):
    two = {name: registry.VIEWS[name] for name in ("attention", "look_back")}
    monkeypatch.setattr(gallery_scenes, "VIEWS", two)
    tiny = gallery_scenes.Example(
        preset="tiny",
        prompt="the sea",
        seed=1,
        new_tokens=4,
        narrow=3,
        shorter=2,
        ring_tokens=4,
    )
    _, scene, _ = gallery_scenes.scenes(run.engine, tiny)
    assert isinstance(scene.view, added.LookBackView)
    entry = gallery._entry(scene, "tiny-look_back.png")
    assert entry.startswith(
        f"### Look back\n\n{ABOUT} In the tab Heads as Look back, in Python "
        f"`show_look_back`.\n\n{HOW_TO_READ}\n"
    )
