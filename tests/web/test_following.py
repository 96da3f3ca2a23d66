"""What follows a link, the menu and the form: places, counts, links, pictures."""

import base64
from types import SimpleNamespace

import gradio as gr
import pytest

from playground.controls import BY_NAME
from playground.exports import from_query
from playground.interface.form import KNOBS, SHOWN, sampler_in_words
from playground.web import build
from playground.web.offered_models import OfferedModels
from playground.web.run_updates import answers_value, query_for
from playground.web.tab import Tab
from tests.scripted import Scripted, scripted_model

REQUEST = SimpleNamespace(session_hash="one")


def event(**data):
    return SimpleNamespace(_data=data)


def values(**changed):
    """What the browser sends of the controls."""
    defaults = {c.name: c.default for c in SHOWN} | {"max_new_tokens": 4} | changed
    return [defaults[control.name] for control in SHOWN]


def sent(look="", heads="Layer", **changed):
    return [look, "Ruler", heads, 0, 0, *values(**changed)]


def small():
    """Two layers, four heads, one for keys and values."""
    model = scripted_model()
    sizes = {"num_layers": 2, "num_query_heads": 4, "num_key_value_heads": 1}
    model.backbone.__dict__.update(sizes)
    return Scripted(preset="small", model=model)


@pytest.fixture
def tab(scripted):
    scripted.allow(None)
    return Tab(
        OfferedModels(scripted.preset, scripted, {"small": small, "small@int8": small})
    )


@pytest.mark.parametrize(
    ("which", "chosen", "layer", "head"),
    [
        ("Head", (29, 8), (1, 1), (3, 3)),
        ("Head", (1, 3), (1, None), (3, None)),
        ("Keys", (0, 3), (1, None), (0, 0)),
        ("Head", ("x", None), (1, 1), (3, 3)),
    ],
)
def test_a_place_that_a_model_lacks_does_not_stay_chosen(
    tab, handlers, which, chosen, layer, head
):
    tab.choose("small")
    *sliders, _, _ = handlers.follow(tab, which, *chosen, "", "")
    assert [(each["maximum"], each.get("value")) for each in sliders] == [layer, head]


def test_counts_and_the_stop_builder_follow_the_model(tab, handlers):
    tab.choose("small")
    tokenizer = tab.session.engine.model.text_preprocessor.tokenizer
    *_, counted, built = handlers.follow(tab, "Layer", 0, 0, "Three small words", "END")
    assert "3 tokens" in counted
    assert str(tokenizer.token_to_id("END")) in built


def test_a_model_that_loads_changes_nothing_yet(tab, handlers):
    tab.session.engine.model = None
    assert handlers.follow(tab, "Layer", 0, 0, "Hello", "END") == (gr.skip(),) * 4


def test_a_link_brings_its_model_and_all_that_says_so(tab, handlers):
    query = "preset=small&sampler=min_p&min_p=0.2&prompt=Hi"
    prompt, model, _, chains, *shown = handlers.restore(tab, query)
    assert (prompt, model) == ("Hi", "small")
    updates = dict(zip((c.name for c in SHOWN), shown, strict=True))
    assert updates["sampler"]["info"] == sampler_in_words("min_p")
    assert updates["min_p"]["value"] == 0.2
    assert not chains["visible"]
    assert updates["min_p"]["visible"]
    assert not updates["top_p"]["visible"]
    card, *_ = handlers.refresh(tab)
    assert "small" in card


def test_the_link_is_what_the_form_says_now(tab, handlers, exploration):
    list(handlers.run(tab, REQUEST, "The run before", *values()))
    made = exploration.link(tab, "Now", *values(temperature=0.35, seed="7"))
    link = from_query(made["link"])
    assert (link.prompt, link.preset) == ("Now", "scripted_model")
    assert (link.settings.temperature, link.settings.seed) == (0.35, 7)


@pytest.mark.parametrize("model", ["scripted_model", "small", "small@int8"])
def test_a_link_leads_back_to_the_same_model(tab, exploration, model):
    tab.choose(model)
    other = Tab(tab.offered)
    made = exploration.link(tab, "Hello", *values())
    assert other.choose_by_link(from_query(made["link"]).preset)
    assert other.model == model


def test_a_prompt_too_long_for_a_link_is_told_and_a_file_offered(
    tab, handlers, exploration
):
    made = exploration.link(tab, "word " * 3000, *values())
    assert "more than 7,500 do not arrive" in made["fault"]
    assert made["offer"] == "run"
    assert "link" not in made
    list(handlers.run(tab, REQUEST, "word " * 3000, *values()))
    session = tab.session
    assert answers_value(session, False, query_for(session))["query"] == ""
    tab.choose("small")
    session = tab.session
    assert answers_value(session, False, query_for(session))["query"] is None


def test_a_wrong_field_is_told_instead_of_a_link(tab, exploration):
    made = exploration.link(tab, "Hello", *values(temperature=3))
    assert made["fault"].startswith("Temperature must be a number from 0 to 2")


@pytest.fixture
def drawn(monkeypatch):
    """The titles of the pictures that are made, in order."""
    titles = []

    def picture(view, kind, settings):
        titles.append((view.title, kind, settings.get("seed")))
        return view.title.encode()

    monkeypatch.setattr("playground.web.saving.picture", picture)
    return titles


def taken(exploration, tab, what, *rest):
    made = exploration.save(tab, event(what=what), *(rest or sent()))
    return {f["name"]: base64.b64decode(f["data"]) for f in made["files"]}


@pytest.mark.parametrize("kind", ["png", "svg"])
@pytest.mark.parametrize("opened", ["Candidates", "Window"])
def test_pictures_are_those_of_the_open_tab(
    tab, handlers, exploration, drawn, opened, kind
):
    list(handlers.run(tab, REQUEST, "Hello", *values(seed="5")))
    tab.opened = opened
    ((name, content),) = taken(exploration, tab, kind).items()
    assert name.endswith(f".{kind}")
    assert drawn == [(content.decode(), kind, 5)]
    words = {"Window": "can see", "Candidates": "chosen from"}
    assert words[opened] in content.decode()


@pytest.mark.parametrize("opened", ["Sampler lab", "Cache"])
def test_both_pictures_of_a_tab_are_saved(
    tab, handlers, exploration, drawn, monkeypatch, opened
):
    list(handlers.run(tab, REQUEST, "Hello", *values()))
    both = [SimpleNamespace(title="One: a b"), SimpleNamespace(title="Two")]
    monkeypatch.setattr(exploration, "_views", lambda *_: both)
    tab.opened = opened
    files = taken(exploration, tab, "png")
    assert files == {"one-a-b.png": b"One: a b", "two.png": b"Two"}
    assert len(drawn) == 2


def test_the_picture_of_a_comparison_is_saved(tab, exploration, drawn):
    tab.opened = "Compare"
    refused = exploration.save(tab, event(what="png"), *sent())
    assert "Compare samplers first" in refused["fault"]
    names = ["top_p", "greedy"]
    list(exploration.compare(tab, REQUEST, "Hello", names, *values()))
    files = taken(exploration, tab, "svg")
    (content,) = files.values()
    assert content.decode() == tab.compared.title
    assert len(drawn) == 1


def test_a_tab_without_a_picture_says_so(tab, handlers, exploration):
    list(handlers.run(tab, REQUEST, "Hello", *values()))
    tab.opened = "Learn"
    made = exploration.save(tab, event(what="png"), *sent())
    assert made["fault"] == "This tab has no picture. Open another one."


def test_every_field_is_heard_however_it_changes(scripted):
    """By `change`: typed, pasted, by key, filled by a link, a button, an example."""
    blocks = build(scripted, scripted.preset)
    by_id = {b.elem_id: b for b in blocks.blocks.values() if getattr(b, "elem_id", 0)}
    heard = {t for fn in blocks.fns.values() for t in fn.targets}
    names = ["prompt", "stop_text", "layer", "head", *(knob.name for knob in KNOBS)]
    for name in [*names, "sampler"]:
        assert (by_id[name]._id, "change") in heard, name
    assert BY_NAME["sampler"].name in by_id
    settled = {
        t: fn.js for fn in blocks.fns.values() for t in fn.targets if t[1] == "change"
    }
    assert all("playgroundSettled" in js for js in settled.values())
