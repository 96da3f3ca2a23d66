"""What is closed or let go of leaves nothing: widgets, threads, pictures, models."""

import gc
import re
import threading
import weakref

import pytest
from ipywidgets.widgets.widget import _instances

import widgets
from playground.engine import Engine, ModelUnavailable
from playground.engine.recorder import _measuring
from playground.models import MistralCausalLM
from playground.session import AGAIN
from tests.conftest import tiny_model
from tests.widgets.test_figures import SETTINGS
from tests.widgets.test_panel import status, wait_for
from widgets import engines
from widgets import panel as panel_module

pytestmark = pytest.mark.usefixtures("no_drawing")
SMALL_WIDGETS = (
    widgets.Candidates,
    widgets.SamplerLab,
    widgets.WindowExplorer,
    widgets.AttentionViewer,
    widgets.Cache,
    widgets.Tokens,
)


@pytest.fixture(autouse=True)
def _nothing_is_left():
    """Neither widgets nor threads, once a test's own are closed."""
    gc.collect()
    _measuring.submit(int).result()  # the one thread that stays
    before, threads = set(_instances), set(threading.enumerate())
    yield
    assert [_instances[each] for each in set(_instances) - before] == []
    gc.collect()
    # A page that other tests share answers on AnyIO's threads, which no widget has.
    new = [t for t in set(threading.enumerate()) - threads if "AnyIO" not in t.name]
    for thread in new:
        thread.join(15)
    assert [thread.name for thread in new if thread.is_alive()] == []


@pytest.fixture
def own_model(preprocessor):
    """Makes models that nothing else holds."""

    def make():
        size = preprocessor.tokenizer.vocabulary_size()
        return MistralCausalLM(
            tiny_model(vocabulary_size=size, num_layers=1).backbone, preprocessor
        )

    return make


def test_a_closed_panel_leaves_no_widget_no_thread_and_no_picture(own_model):
    panel = widgets.PlaygroundPanel(own_model())
    assert len(_instances) > 400
    panel.generate("the sea", **SETTINGS)
    assert panel.join(60)
    heads = panel.contents["Heads"]
    panel.tabs.selected_index = list(panel.tabs.titles).index("Heads")
    assert panel.join(60)
    assert panel.run.explorer.holds_text
    assert "<img" in heads._html.value
    run = panel.run
    panel.close()
    assert not run.explorer.holds_text
    assert (heads._html.value, heads._shown, heads.run) == ("", (), None)
    assert run.text  # what was written stays
    with pytest.raises(ValueError, match="The model was closed"):
        run.explorer.view("candidates")


def test_a_panel_that_is_closed_at_once_or_while_it_writes_leaves_nothing(
    scripted, monkeypatch
):
    monkeypatch.setattr(panel_module, "SECONDS_BETWEEN_REFRESHES", 60)
    idle = widgets.PlaygroundPanel(scripted)
    writing = widgets.PlaygroundPanel(scripted)
    writing.generate("Hello")
    idle.close()
    writing.close()
    assert writing.run.finished.reason == "cancelled"


@pytest.mark.parametrize("kind", SMALL_WIDGETS)
def test_a_closed_small_widget_leaves_nothing(own_model, kind):
    run = widgets.generate(own_model(), "the sea", **SETTINGS)
    widget = kind(run)
    assert widget.join(60)
    assert widget._html.value
    widget.close()
    widget.close()
    assert (widget._html.value, widget._shown) == ("", ())
    assert not run.explorer.holds_text
    widget.redraw()  # what is closed draws nothing more
    assert widget.background._thread is None
    assert widgets.show_candidates(run).png  # the run itself goes on


def test_a_closed_comparison_leaves_nothing(own_model):
    comparison = widgets.Comparison(own_model(), "the sea", **SETTINGS)
    comparison.compare()
    assert comparison.join(60)
    assert "<img" in comparison._html.value
    comparison.close()
    assert comparison._html.value == ""
    assert [len(run.token_ids) for run in comparison.runs] == [12, 12, 12]


def test_what_is_drawn_while_it_is_closed_ends(own_model, monkeypatch):
    draws, let_go = threading.Event(), threading.Event()

    def slowly(_self, _run, progress):
        draws.set()
        while not let_go.wait(0.01):
            progress("Reading", None)
        return []

    monkeypatch.setattr(widgets.Cache, "views", slowly)
    run = widgets.generate(own_model(), "the sea", **SETTINGS)
    viewer = widgets.Cache(run)
    assert draws.wait(15)
    viewer.close()
    assert viewer.background._thread is None


def engine_threads():
    return [each for each in threading.enumerate() if each.name == "engine"]


def test_a_model_goes_with_its_last_run(own_model):
    model, before = own_model(), len(engine_threads())
    first = widgets.generate(model, "the sea", **SETTINGS)
    second = widgets.generate(model, "the sky", **SETTINGS)
    assert first.engine is second.engine
    seen, key = weakref.ref(model), id(model)
    del model, first
    gc.collect()
    assert seen() is not None
    assert widgets.show_attention(second, layer=0).view is not None
    del second
    gc.collect()
    wait_for(lambda: len(engine_threads()) == before)
    assert key not in engines._lent
    gc.collect()
    assert seen() is None


def test_many_models_leave_no_engine_each(own_model):
    before = len(engine_threads())
    for _ in range(3):
        widgets.generate(own_model(), "the sea", max_new_tokens=1)
        gc.collect()
    wait_for(lambda: len(engine_threads()) == before)


def test_a_refused_run_leaves_no_engine(own_model):
    model = own_model()
    with pytest.raises(ValueError, match="The prompt is empty"):
        widgets.generate(model, " ")
    with pytest.raises(ValueError, match="`top_k` must be"):
        widgets.generate(model, "the sea", top_k=-1)
    gc.collect()
    wait_for(lambda: id(model) not in engines._lent)


def test_the_model_of_a_closed_panel_goes_though_the_panel_is_kept(own_model):
    model = own_model()
    panel = widgets.PlaygroundPanel(model)
    panel.generate("the sea", **SETTINGS)
    assert panel.join(60)
    seen = weakref.ref(model)
    panel.close()
    del model
    gc.collect()
    assert panel.run.text
    assert seen() is None


class Fails:
    """The first load of a preset fails."""

    def __init__(self, model):
        self.model, self.calls = model, 0

    def __call__(self, _preset):
        return Engine(self.load, warm_length=0)

    def load(self, *_):
        self.calls += 1
        if self.calls == 1:
            raise ModelUnavailable("No connection to the hub")
        return self.model


@pytest.fixture
def preset(own_model, monkeypatch):
    """The name of a preset that can be loaded at the second try."""
    monkeypatch.setattr(engines, "start_engine", Fails(own_model()))
    yield "hf://some/model"
    engine = engines._lent["hf://some/model"].engine
    while engine.status.phase != "closed":
        engines.give_back(engine)


def test_a_panel_whose_model_could_not_be_loaded_tries_again(preset, monkeypatch):
    monkeypatch.setattr(panel_module, "SECONDS_BETWEEN_REFRESHES", 0.01)
    panel = widgets.PlaygroundPanel(preset)
    wait_for(lambda: status(panel) == "No connection to the hub")
    assert AGAIN in panel.output._numbers.value
    panel._watcher.join(15)
    panel.generate("the sea", max_new_tokens=2)
    assert panel.join(60)
    assert panel.run.finished.reason == "length"
    wait_for(lambda: panel._fit.is_there)
    assert "1 layer" in panel._card.value
    engines.borrow(preset)  # for the fixture
    panel.close()


def test_so_does_generate_and_who_borrows_once_more(preset):
    with pytest.raises(RuntimeError, match=re.escape(AGAIN)):
        widgets.generate(preset, "the sea", max_new_tokens=2)
    assert widgets.generate(preset, "the sea", max_new_tokens=2).text


def test_another_panel_tries_again_for_all(preset):
    engine = engines.borrow(preset)
    assert engine.wait(15).phase == "failed"
    assert engines.borrow(preset) is engine
    assert engine.wait(15).phase == "ready"
