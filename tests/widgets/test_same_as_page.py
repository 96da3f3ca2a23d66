"""Page and panel are two hosts of one thing."""

import gradio as gr
import pytest
from gradio_client import Client

from playground.controls import BY_NAME
from playground.hosts.explorer import HEADS_VIEWS, WINDOW_VIEWS
from playground.hosts.form import EXAMPLES, as_typed, read_value
from playground.sampler_choice import sampler_of
from playground.settings import GenerationSettings
from playground.web import build
from tests.scripted import Scripted
from tests.web.conftest import serve
from widgets import generate
from widgets.engines import borrow
from widgets.form import Form

pytestmark = pytest.mark.usefixtures("no_drawing")
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
    for tab, views in (("Window", WINDOW_VIEWS), ("Heads", HEADS_VIEWS)):
        assert tuple(panel.panes[tab].view.options) == tuple(views)
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
