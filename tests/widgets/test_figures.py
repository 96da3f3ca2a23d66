"""What is seen of a run: by plain functions, and in the small widgets."""

import re
import sys
from inspect import signature

import numpy as np
import pytest

import widgets
from playground.models import MistralCausalLM
from playground.views.registry import VIEWS
from tests.conftest import tiny_model
from tests.widgets.test_panel import wait_for
from widgets import (
    AttentionViewer,
    Cache,
    Candidates,
    Comparison,
    SamplerLab,
    Shown,
    Tokens,
    WindowExplorer,
    generate,
)
from widgets.engines import _lent, borrow, give_back

pytestmark = pytest.mark.usefixtures("no_drawing")
SETTINGS = {"chat": False, "stop_token_ids": None, "seed": 3, "max_new_tokens": 12}


@pytest.fixture(scope="module")
def run(model):
    return generate(model, "the sea is wide", **SETTINGS)


CHOSEN = {
    "show_tokens": {"score": "rank"},
    "show_candidates": {"index": 2},
    "show_sampler_lab": {"index": 2, "sampler": "top_k", "top_k": 3},
    "show_ruler": {"sliding_window": 3},
    "show_mask": {"shorter": 3},
    "show_reach": {"position": 9},
    "show_mass_cut": {"sliding_window": 4},
    "show_attention": {"layer": 2, "head": 3, "by": "word"},
    "show_windows": {"windows": (2, 7)},
    "show_salience": {"index": 3},
    "show_keys": {"layer": 1, "head": 1},
}
OF_OTHER_RUNS = ("show_beam_tree", "show_contrastive", "show_comparison")
SHOW = [name for name in widgets.__all__ if name.startswith("show_")]
PICTURES = [name for name in SHOW if name not in OF_OTHER_RUNS]


def chosen(name):
    """What is chosen of a picture: a layer at least, where it is of one."""
    taken = signature(getattr(widgets, name)).parameters
    return CHOSEN.get(name, {"layer": 1} if "layer" in taken else {})


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_itself_and_prints(run, name):
    shown = getattr(widgets, name)(run, **chosen(name))
    assert isinstance(shown, Shown)
    html = shown._repr_html_()
    assert html.count("<img") == 1
    alt = re.search(r'<img[^>]* alt="([^"]+)"', html)[1]
    assert len(alt) > 20
    assert "<table>" in html
    assert shown.png.startswith(b"\x89PNG")
    printed = repr(shown).splitlines()
    assert printed[0] == shown.view.title
    assert printed[1] == shown.view.words()
    for column in shown.table.columns:
        assert column in printed[3]


def test_every_view_has_a_show_function():
    assert [name.removeprefix("show_") for name in SHOW] == list(VIEWS)


def test_a_search_is_seen_as_such_and_among_the_candidates(model):
    for name, search in (
        ("show_beam_tree", {"sampler": "beam"}),
        ("show_contrastive", {"sampler": "contrastive"}),
    ):
        searched = generate(
            model, "the sea", **SETTINGS | {"max_new_tokens": 3}, **search
        )
        shown = getattr(widgets, name)(searched)
        assert shown.view.words() == widgets.show_candidates(searched).view.words()


def test_a_show_function_tells_what_it_takes():
    parameters = str(signature(widgets.show_salience))
    assert parameters.startswith("(run: widgets.run.Run, index: int = -1, *, position:")
    assert widgets.show_salience.__name__ == "show_salience"
    assert widgets.show_salience.__doc__.startswith("Which tokens a new token's")
    assert set(widgets.__all__) <= set(dir(widgets))
    with pytest.raises(AttributeError, match="no attribute 'show_nothing'"):
        widgets.show_nothing  # noqa: B018  asking is what raises


def test_a_layer_without_a_head_shows_all_heads(run):
    assert widgets.show_attention(run, layer=1).view.title == "All heads of layer 1"
    with pytest.raises(ValueError, match="`layer` must be from 0 to 2, got 3"):
        widgets.show_attention(run, layer=3)
    with pytest.raises(ValueError, match="There are 12 new tokens, none is number 12"):
        widgets.show_candidates(run, 12)


BOUNDS = {  # of 12 new tokens, 3 layers, 4 heads that share 2
    ("show_candidates", "index"): (-12, 11),
    ("show_sampler_lab", "index"): (-12, 11),
    ("show_samplers", "index"): (-12, 11),
    ("show_ruler", "sliding_window"): (1, None),
    ("show_mask", "shorter"): (1, 7),
    ("show_reach", "position"): (0, "T"),
    ("show_reach", "sliding_window"): (1, None),
    ("show_mass_cut", "sliding_window"): (1, None),
    ("show_attention", "layer"): (0, 2),
    ("show_attention", "head"): (0, 3),
    ("show_attention", "sliding_window"): (1, None),
    ("show_head_groups", "layer"): (0, 2),
    ("show_rollout", "position"): ("-T", "T"),
    ("show_rollout", "sliding_window"): (1, None),
    ("show_layer", "layer"): (0, 2),
    ("show_layer", "sliding_window"): (1, None),
    ("show_salience", "position"): (1, "T"),
    ("show_logit_lens", "position"): ("-T", "T"),
    ("show_salience", "index"): (-12, 11),
    ("show_keys", "layer"): (0, 2),
    ("show_keys", "head"): (0, 1),
}
POSITION_OR_NONE = ("show_reach", "show_salience")
CAN_BE_NONE = {"sliding_window", "shorter", "head"}


@pytest.mark.parametrize(("name", "argument"), BOUNDS)
def test_a_place_that_is_not_there_is_refused_by_name(run, name, argument):
    """A picture of another place would look as right."""
    show, length = getattr(widgets, name), len(run.views.text_ids)
    named = {"-T": -length, "T": length - 1}
    low, high = (named.get(bound, bound) for bound in BOUNDS[name, argument])
    layered = "layer" in signature(show).parameters and argument != "layer"
    rest = {"layer": 0} if layered else {}
    for fine in (low, np.int64(low), low + 3 if high is None else high):
        show(run, **rest, **{argument: fine})
    wrong = [low - 1, -500, True, 1.0, "1", [1]]
    wrong += [] if high is None else [high + 1, 999]
    wrong += [] if argument in CAN_BE_NONE or name in POSITION_OR_NONE else [None]
    for value in wrong:
        with pytest.raises(ValueError, match=f"`{argument}` must be .*, got"):
            show(run, **rest, **{argument: value})


def test_every_number_of_a_picture_is_tried_there():
    taken = {
        (name, argument)
        for name in PICTURES
        for argument, about in signature(getattr(widgets, name)).parameters.items()
        if "int" in str(about.annotation) and "Sequence" not in str(about.annotation)
    }
    assert taken == set(BOUNDS)


def test_windows_and_units_that_cannot_be_are_refused(run):
    for windows in ((0,), (-3, 4), (True,), (2.5,), ("8",)):
        with pytest.raises(ValueError, match="`windows` must be"):
            widgets.show_windows(run, windows)
    for by in ("letter", None, 3):
        with pytest.raises(ValueError, match="`by`"):
            widgets.show_attention(run, 0, 0, by=by)
    with pytest.raises(ValueError, match="give a `head` too"):
        widgets.show_attention(run, 0, by="word")
    for score in ("loudness", None, ["rank"]):
        with pytest.raises(ValueError, match="`score` must be"):
            widgets.show_tokens(run, score)


def test_runs_are_compared_where_they_part(model, run):
    other = generate(model, "the sea is wide", **SETTINGS, sampler="greedy")
    view = widgets.show_comparison([run, other]).view
    pairs = zip(run.token_ids, other.token_ids, strict=True)
    assert view.diverges_at == next(i for i, (a, b) in enumerate(pairs) if a != b)


def test_a_picture_is_saved_with_its_ending(run, tmp_path):
    shown = widgets.show_memory(run)
    shown.save(tmp_path / "memory.PNG")
    assert (tmp_path / "memory.PNG").read_bytes() == shown.png
    with pytest.raises(ValueError, match=r"a \.png or an \.svg, got 'memory\.gif'"):
        shown.save(tmp_path / "memory.gif")


def test_a_run_is_an_object(run):
    assert len(run.tokens) == 12
    assert [token.token_id for token in run.tokens] == list(run.token_ids)
    assert run.settings.seed == 3
    assert run.finished.reason == "length"
    assert all(token.logprob < 0 and token.rank >= 1 for token in run.tokens)
    assert repr(run).startswith("12 new tokens · length · seed 3\n")


def test_a_run_as_a_frame_is_its_tokens(run):
    frame = run.to_frame()
    assert list(frame["token_id"]) == list(run.token_ids)
    assert list(frame.columns) == [
        *("token_id", "label", "logprob", "chain_logprob", "rank", "entropy", "kept")
    ]


def test_a_frame_without_pandas_is_refused_in_words(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="to_frame needs pandas"):
        run.to_frame()


@pytest.mark.parametrize(
    "widget",
    [Candidates, SamplerLab, WindowExplorer, AttentionViewer, Cache, Tokens],
)
def test_each_small_widget_draws_by_itself(run, widget):
    content = widget(run)
    assert content.join(60)
    html = content._html.value
    assert html.count('class="playground-light"') == html.count("playground-dark") > 0
    assert 'class="playground-dark"' not in content.snapshot_html()
    assert "<img" in content.snapshot_html()


def words(content):
    assert content.join(60)
    return re.sub("<[^>]*>", "", content._html.value)


def test_another_layer_and_view_are_drawn_when_they_are_chosen(run):
    viewer = AttentionViewer(run)
    assert (viewer.layer.min, viewer.layer.max, viewer.head.max) == (0, 2, 3)
    assert "heads of layer 0 over" in words(viewer)
    viewer.layer.value = 2
    assert "heads of layer 2 over" in words(viewer)
    viewer.view.value = "Head"
    viewer.head.value = 1
    assert "Head 1 of layer 2 over" in words(viewer)


def test_layer_and_head_are_there_only_for_views_that_are_of_one(run):
    viewer = AttentionViewer(run)
    shown = {}
    for name in viewer.view.options:
        viewer.view.value = name
        layouts = viewer.layer.layout, viewer.head.layout
        shown[name] = [layout.display != "none" for layout in layouts]
    assert shown["Layer"] == shown["Groups"] == [True, False]
    assert shown["Head"] == shown["Keys"] == [True, True]
    for name in ("Finder", "Rollout", "Lens", "Salience"):
        assert shown[name] == [False, False]


def test_the_lab_follows_its_knobs(run):
    lab = SamplerLab(run)
    before = words(lab)
    lab._fields.write({"sampler": "top_k", "top_k": 2})
    assert words(lab) != before
    assert "top_k 2" in words(lab)
    lab._fields.write({"sampler": "beam"})
    assert "A search looks further than one token" in words(lab)


def test_a_token_of_the_prompt_has_no_candidates(run):
    content = Candidates(run)
    assert "new token 12" not in words(content)
    content.token.position.value = 1
    assert "You wrote this token" in words(content)


def test_every_view_of_the_window_is_a_picture_of_its_own(run):
    explorer = WindowExplorer(run)
    told = set()
    for name in explorer.view.options:
        explorer.view.value = name
        told.add(words(explorer))
    assert len(told) == len(explorer.view.options)


def test_any_window_can_be_looked_through(run):
    explorer = WindowExplorer(run)
    assert explorer.window.value == 7
    explorer.window.value = 3
    assert "The window is shorter than the text: 3 of" in words(explorer)
    explorer.window.value = 0
    assert "at least 1 token, got 0" in words(explorer)


def test_samplers_are_compared_side_by_side(model):
    comparison = Comparison(model, "the sea", **SETTINGS)
    comparison.compare_button.click()
    assert comparison.join(60)
    assert len(comparison.runs) == 3
    assert {len(run.token_ids) for run in comparison.runs} == {12}
    assert 'class="playground-light"' in comparison._html.value
    comparison.prompt.value = " "
    comparison.compare_button.click()
    assert "The prompt is empty" in comparison._html.value
    borrowers = _lent[id(model)].borrowers
    comparison.close()
    comparison.close()
    assert _lent[id(model)].borrowers == borrowers - 1


def test_one_engine_for_all_that_look_at_a_model_until_the_last_has_gone(model):
    first, second = borrow(model), borrow(model)
    assert first is second
    before = _lent[id(model)].borrowers
    give_back(first)
    assert _lent[id(model)].borrowers == before - 1
    assert first.status.phase != "closed"
    give_back(second)


def test_an_engine_that_nobody_needs_is_closed(preprocessor):
    size = preprocessor.tokenizer.vocabulary_size()
    model = MistralCausalLM(tiny_model(vocabulary_size=size).backbone, preprocessor)
    engine = borrow(model)
    give_back(engine)
    wait_for(lambda: engine.status.phase == "closed")
    assert id(model) not in _lent
