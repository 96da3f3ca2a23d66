"""Page and panel are two interfaces to one thing."""

import re
from dataclasses import fields, is_dataclass
from html import escape
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from gradio_client import Client

import widgets
from playground.controls import BY_NAME, as_typed, read_value
from playground.interface.explorer import TABS, Focus
from playground.interface.form import EXAMPLES, SHOWN
from playground.samplers.choice import sampler_of
from playground.settings import GenerationSettings
from playground.system.progress import say_nothing
from playground.views.labels import labels
from playground.views.registry import HINTS, choices_of, in_tab
from playground.views.token_spans import SCORES
from playground.web import build
from playground.web.explore import Exploration, SentChoices
from playground.web.handlers import Handlers
from playground.web.offered_models import OfferedModels
from playground.web.tab import Tab
from tests.scripted import Scripted
from tests.web.conftest import serve
from widgets import PlaygroundPanel, generate, show_keys
from widgets.engines import borrow
from widgets.form import Form

pytestmark = pytest.mark.usefixtures("no_drawing")
REQUEST = SimpleNamespace(session_hash="one")
BESIDE_THE_TEXT = "strip_prompt"


@pytest.fixture(scope="module")
def blocks():
    """The page's components, in the order in which they stand."""
    engine = Scripted()
    return list(build(engine, engine.preset).blocks.values())


@pytest.fixture(scope="module")
def on_page(blocks):
    """Control's name -> the page's component, in the page's order."""
    return {b.elem_id: b for b in blocks if getattr(b, "elem_id", None) in BY_NAME}


@pytest.fixture(scope="module")
def form():
    return Form()


def in_panel(form):
    """The names of the controls in the order in which the panel shows them."""
    names = {id(each.box): name for name, each in form.fields.by_name.items()}

    def walk(widget):
        if id(widget) in names:
            yield names[id(widget)]
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    return list(walk(form))


def test_the_same_controls_in_the_same_order(on_page, form):
    assert set(form.fields.by_name) == set(on_page)
    assert in_panel(form) == [name for name in on_page if name != BESIDE_THE_TEXT]


@pytest.mark.parametrize("name", [n for n in BY_NAME if n != "max_length"])
def test_the_same_words_default_and_bounds(on_page, form, name):
    component, field = on_page[name], form.fields.by_name[name]
    widget = field.widget
    assert widget.description == component.label
    assert widget.tooltip == field.control.help
    if name != "sampler":  # tells what the chosen one does
        assert widget.tooltip in field.help.value.replace("&#x27;", "'")
    assert widget.value == component.value
    assert getattr(widget, "placeholder", "") == (
        getattr(component, "placeholder", None) or ""
    )
    if isinstance(component, gr.Radio):
        assert list(widget.options) == component.choices
    if isinstance(component, gr.Slider):
        ends = component.minimum, component.maximum, component.step
        assert (widget.min, widget.max, widget.step) == ends
    if isinstance(component, gr.Number):
        bounds = field.control.minimum, field.control.maximum
        assert (component.minimum, component.maximum) == bounds


def test_the_same_examples_tabs_and_views(blocks, panel):
    tabs = [block.label for block in blocks if isinstance(block, gr.Tab)]
    assert list(panel.tabs.titles) == tabs
    radios = (block for block in blocks if isinstance(block, gr.Radio))
    choices = [tuple(shown for shown, _ in radio.choices) for radio in radios]
    assert tabs == [*TABS]
    for tab in ("Window", "Heads"):
        views = choices_of(tab)
        assert tuple(panel.contents[tab].view.options) == tuple(views)
        assert tuple(views) in choices
    labels = [block.value for block in blocks if isinstance(block, gr.Button)]
    for example in EXAMPLES:
        assert example.label in labels


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", None),
        ("seed", 42),
        ("sliding_window", 16),
        ("stop_token_ids", "auto"),
        ("stop_token_ids", None),
        ("stop_token_ids", (2, 198)),
        ("stop_strings", ("\n\n", "a\\b", "\t")),
        ("banned_tokens", (2, 198)),
        ("banned_tokens", ()),
        ("dry_breakers", (198, 42)),
        ("logit_bias", ((13, -2.5), (198, 1.0))),
        ("temperature", 0.35),
        ("chat", False),
    ],
)
def test_what_a_field_shows_is_read_back_as_the_same_setting(name, value):
    control = BY_NAME[name]
    assert read_value(control, as_typed(control, value)) == value


SETTINGS = {
    "max_new_tokens": 12,
    "sampler": "min_p",
    "min_p": 0.02,
    "temperature": 0.9,
    "seed": 7,
    "sliding_window": 5,
    "chat": False,
    "stop_token_ids": None,
}


def test_the_same_text_and_records_from_page_panel_and_python(model, panel_for):
    engine = borrow(model)
    assert engine.wait().phase == "ready"
    demo = build(engine, "tiny")
    try:
        client = Client(serve(demo), verbose=False)
        sent = {**SETTINGS, "stop_token_ids": "none", "seed": 7, "sliding_window": 5}
        from_page = client.predict("the sea", **sent, api_name="/generate")
    finally:
        demo.close(verbose=False)
    panel = panel_for(model)
    panel.generate("the sea", **SETTINGS)
    assert panel.join(60)
    run = generate(model, "the sea", **SETTINGS)
    assert panel.run.text == run.text == from_page != ""
    assert panel.run.tokens == run.tokens
    settings = GenerationSettings(**SETTINGS)
    steps = [
        event
        for event in model.stream(
            "the sea",
            max_new_tokens=settings.max_new_tokens,
            stop_token_ids=None,
            sliding_window=settings.sliding_window,
            seed=settings.seed,
            sampler=sampler_of(settings),
            record=True,
        )
        if hasattr(event, "record")
    ]
    assert [step.token_id for step in steps] == list(run.token_ids)
    assert [s.record.logprob for s in steps] == [t.logprob for t in run.tokens]
    assert [s.record.rank for s in steps] == [t.rank for t in run.tokens]
    after = [step.record.chain_logprob for step in steps]
    assert after == [token.chain_logprob for token in run.tokens]


IN_TABS = [
    *(
        (tab, choice)
        for tab in HINTS
        for choice in (choices_of(tab) or [""])
        if tab not in ("Compare", "Tokens")
    ),
    *(("Tokens", score) for score in SCORES),
]


@pytest.fixture(scope="module", params=[None, 5], ids=["as trained", "window 5"])
def hosts(request, model):
    """A page's tab and a panel that look at one run, with the same choices."""
    engine = borrow(model)
    assert engine.wait().phase == "ready"
    panel = PlaygroundPanel(model)
    settings = SETTINGS | {"sliding_window": request.param}
    panel.generate("the sea", **settings)
    assert panel.join(60)
    tab = Tab(OfferedModels("tiny", engine))
    tab.session.open(panel.run.transcript)
    handlers = Handlers(tab.offered, 4096)
    exploration = Exploration(handlers.settings_on_page, handlers.open_tabs)
    controls = panel.form.fields.by_name
    sent = [controls[control.name].widget.value for control in SHOWN]
    yield tab, exploration, panel, sent
    panel.close()


@pytest.mark.parametrize(("name", "which"), IN_TABS)
def test_the_same_numbers_words_and_tables_in_every_tab(hosts, name, which):
    tab, exploration, panel, values = hosts
    content, run = panel.contents[name], panel.run
    layer, head = 2, 1
    focus = Focus(index=4)
    tab.opened, tab.focus = name, focus
    panel.token.position.value = len(run.prompt_token_ids) + 5
    asked = SentChoices(
        appearance=which,
        choices=(
            which if name == "Window" else "Ruler",
            which if name == "Heads" else "Layer",
        ),
        layer=layer,
        head=head,
        values=values,
    )
    if name in ("Window", "Heads"):
        content.view.value = which
    if name == "Heads":
        content.layer.value, content.head.value = layer, head
    if name == "Tokens":
        content.score.value = which
    on_page = exploration._views(tab, focus, asked)
    in_panel = content.views(run, say_nothing)
    named = [choices_of(name)[which]] if choices_of(name) else in_tab(name)
    chosen = {"position": len(run.prompt_token_ids) + 4, "index": 4, "score": which}
    chosen |= {"layer": layer, "head": head}
    in_python = [
        getattr(widgets, f"show_{view.name}")(run, **taken_by(view, chosen)).view
        for view in named
    ]
    for own, other, third in zip(on_page, in_panel, in_python, strict=True):
        assert_same(own, other)
        assert_same(own, third)
        assert own.title == other.title == third.title
        assert own.words() == other.words() == third.words()
        tables = {repr(view.table()) for view in (own, other, third)}
        assert len(tables) == 1


def taken_by(view, chosen):
    """What a view takes; a position rather than a new token, as in the tabs."""
    skipped = "index" if view.takes("position") else ""
    return {n: v for n, v in chosen.items() if view.takes(n) and n != skipped}


def assert_same(own, other):
    """Every number and word of a view."""
    assert type(own) is type(other)
    if isinstance(own, np.ndarray):
        np.testing.assert_array_equal(own, other)
    elif is_dataclass(own):
        for each in fields(own):
            assert_same(getattr(own, each.name), getattr(other, each.name))
    elif isinstance(own, tuple):
        for one, two in zip(own, other, strict=True):
            assert_same(one, two)
    else:
        assert own == other or own != own  # NaN


def test_keys_are_of_the_head_that_was_chosen_in_page_panel_and_python(hosts):
    tab, exploration, panel, values = hosts
    asked = SentChoices("", ("Ruler", "Keys"), 2, 1, values)
    tab.opened = "Heads"
    (on_page,) = exploration._views(tab, Focus(index=4), asked)
    content = panel.contents["Heads"]
    content.view.value, content.layer.value, content.head.value = "Keys", 2, 1
    (in_panel,) = content.views(panel.run, say_nothing)
    shown = show_keys(panel.run, 2, 1).view
    assert on_page.head == in_panel.head == shown.head == 1
    assert on_page.words() == in_panel.words() == shown.words()


def test_a_view_offers_the_heads_that_it_is_of(hosts):
    """The model has three layers, four heads, and two that share keys and values."""
    tab, _, panel, _ = hosts
    content, handlers = panel.contents["Heads"], Handlers(tab.offered, 4096)
    for view, most, label in (("Head", 3, "Head"), ("Keys", 1, "Key/value head")):
        content.view.value = view
        layer, head, _, _ = handlers.follow(tab, view, 0, 0, "", "")
        assert (content.layer.max, content.head.max) == (2, most)
        assert (layer["maximum"], head["maximum"]) == (2, most)
        assert content.head.description == head["label"] == label


def test_the_same_words_as_a_run_begins_and_ends(model, panel_for):
    engine = borrow(model)
    assert engine.wait().phase == "ready"
    panel = panel_for(model)
    told = []
    panel.output.show_status = lambda status: told.append(status.value())
    ends = tuple(range(3, 40))  # whatever comes soon ends it
    tokenizer = model.text_preprocessor.tokenizer
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("playground.interface.throttle.SECONDS_BETWEEN_UPDATES", 0)
        panel.generate("the sea", **SETTINGS | {"stop_token_ids": ends})
        assert panel.join(60)
        run = panel.run.transcript
        tab = Tab(OfferedModels("tiny", engine))
        handlers = Handlers(tab.offered, 4096)
        values = {c.name: c.default for c in SHOWN} | SETTINGS
        values |= {"stop_token_ids": ", ".join(map(str, ends)), "seed": "7"}
        sent = [values[control.name] for control in SHOWN]
        updates = list(handlers.run(tab, REQUEST, "the sea", *sent))
    on_page = [status for _, status, *_ in updates if status != gr.skip()]
    assert run.finished.reason == "stop"
    (stop,) = run.finished.stopped_by
    assert f"{labels(tokenizer, [stop])[0]} (id {stop})" in told[-1]["words"]
    for ours, theirs in ((told[0], on_page[0]), (told[-1], on_page[-1])):
        words = [re.sub("[0-9.]+ tok/s", "", each["words"]) for each in (ours, theirs)]
        assert words[0] == words[1]


def test_the_same_stop_builder_and_hints(blocks, panel, scripted):
    content = panel.contents["Tokens"]
    tab = Tab(OfferedModels(scripted.preset, scripted))
    handlers = Handlers(tab.offered, 4096)
    exploration = Exploration(handlers.settings_on_page, handlers.open_tabs)
    scripted.allow(None)
    panel.generate("Hello", max_new_tokens=2)
    assert panel.join(15)
    content.stop_text.value = r"END\n"
    on_page = exploration.build_stop(tab, r"END\n")
    assert content.stop_view.value == on_page
    assert "after a full stop" in on_page
    shown = [str(block.value) for block in blocks if isinstance(block, gr.HTML)]
    for name, hint in HINTS.items():
        assert any(escape(hint, quote=False) in each or hint in each for each in shown)
        if name != "Compare":
            assert panel.contents[name].hint == hint
