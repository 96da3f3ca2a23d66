"""Page and panel say the same at every event, and every control does the same there."""

from types import SimpleNamespace
from typing import get_args

import gradio as gr
import pytest

from playground.controls import BY_NAME, SAMPLERS, as_typed
from playground.engine import Event, Finished, Loading, PrefillProgress, Queued, Step
from playground.engine.events import Beam, Beams, Compiling
from playground.interface.form import KNOBS, SHOWN
from playground.interface.status import AGAIN
from playground.web.handlers import Handlers, knobs_for
from playground.web.offered_models import OfferedModels
from playground.web.tab import Tab
from tests.scripted import TIMINGS, Scripted, ScriptedRun, loading
from widgets.form import Form

pytestmark = pytest.mark.usefixtures("no_drawing")
REQUEST = SimpleNamespace(session_hash="one")


@pytest.fixture(autouse=True)
def _every_event(monkeypatch):
    monkeypatch.setattr("playground.interface.throttle.SECONDS_BETWEEN_UPDATES", 0)


@pytest.fixture
def both(panel, scripted):
    """Ask page and panel for the same run; the statuses of each, and whether Stop can
    be pressed."""
    tab = Tab(OfferedModels(scripted.preset, scripted))
    handlers = Handlers(tab.offered, 4096)
    in_panel = []
    stop = panel.form.stop_button
    show, panel.output.show_status = panel.output.show_status, in_panel.append
    stop.observe(lambda change: in_panel.append(not change["new"]), "disabled")

    def ask(prompt="Hello", **values):
        in_panel.clear()
        sent = {c.name: as_typed(c, values.get(c.name, c.default)) for c in SHOWN}
        on_page = list(handlers.run(tab, REQUEST, prompt, *sent.values()))
        panel.form.prompt.value = prompt
        for name, typed in sent.items():
            panel.form.fields.by_name[name].widget.value = typed
        panel.form.generate_button.click()
        assert panel.join(30)
        statuses = [
            status.value() for status in in_panel if not isinstance(status, bool)
        ]
        can_stop = [each for each in in_panel if isinstance(each, bool)]
        return on_page, statuses, can_stop

    yield ask
    panel.output.show_status = show


STEP = Step(token_id=5, index=0, tokens_per_second=0.0)
ENDS = {
    "stop token": Finished(reason="stop", stopped_by=(2,), timings=TIMINGS),
    "stop text": Finished(
        reason="stop", stopped_by=(5, 6), stop_string="\n", timings=TIMINGS
    ),
    "length": Finished(reason="length", timings=TIMINGS, reused_tokens=3),
    "time": Finished(reason="time", message="a run may take 1 s", timings=TIMINGS),
    "stopped": Finished(reason="cancelled", timings=TIMINGS, left_out_tokens=9),
    "error": Finished(reason="error", message="Out of memory"),
}
BEGINNING = (
    Queued(ahead=2),
    Loading(message="Downloading", fraction=0.25),
    Compiling(program="forward"),
    PrefillProgress(done=1, total=2),
)
RUNS = {
    **{name: (*BEGINNING, STEP, end) for name, end in ENDS.items()},
    "before the first token": (*BEGINNING, ENDS["stopped"]),
    "beams": (
        Beams(
            index=0,
            beams=(Beam(token_ids=(5,), log_probability=-0.5),),
            pruned=(),
            tokens_per_second=12.0,
            text="a",
            pieces=("a",),
        ),
        ENDS["length"],
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_same_status_at_every_event_of_a_run(both, scripted, monkeypatch, name):
    def events(run):
        scripted.waiting.remove(run)
        yield from RUNS[name]

    scripted.model.text_preprocessor.tokenizer.tokenize("a b c d e f g")
    monkeypatch.setattr(ScriptedRun, "__iter__", events)
    on_page, in_panel, can_stop = both(seed=7)
    assert on_page[-1] == (gr.skip(),) * 4
    assert [status for _, status, *_ in on_page[:-1]] == in_panel
    assert len(in_panel) == 1 + len(RUNS[name])
    stops = [stop.interactive for _, _, stop, _ in on_page if stop != gr.skip()]
    assert stops == can_stop == [True, False]


def test_every_kind_of_event_is_among_them():
    told = {type(event) for run in RUNS.values() for event in run}
    assert told == set(get_args(Event))
    assert {end.reason for end in ENDS.values()} == {
        "stop", "length", "time", "cancelled", "error"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "changed", "words"),
    [
        (" ", {}, "The prompt is empty"),
        ("x" * 100_001, {}, "has 100,001 characters"),
        ("Hello", {"max_new_tokens": 0}, "New tokens must be"),
        ("Hello", {"seed": -1}, "Seed must be"),
    ],
)
def test_the_same_words_for_what_cannot_begin(both, prompt, changed, words):
    on_page, in_panel, _ = both(prompt, **changed)
    (_, status, stop, _) = on_page[-2]
    assert status == in_panel[-1]
    assert words in status["words"]
    assert stop.interactive is False


@pytest.mark.parametrize(
    "state",
    [
        loading(0.5),
        SimpleNamespace(phase="compiling", message="Compiling", fraction=None),
        SimpleNamespace(phase="failed", message="No such file", fraction=None),
        SimpleNamespace(phase="closed", message="It was closed", fraction=None),
    ],
    ids=lambda state: state.phase,
)
def test_the_same_card_words_and_examples_while_there_is_no_model(panel_for, state):
    engine = Scripted(status=state, model=None)
    panel, tab = panel_for(engine), Tab(OfferedModels("Mistral Playground", engine))
    card, status, _, box, *labels = Handlers(tab.offered, 4096).refresh(tab, True)
    assert card in panel._card.value
    assert status == panel._status.value()
    assert (AGAIN in str(status)) == (state.phase == "failed")
    assert box["interactive"] is not panel.form.fields.by_name["chat"].widget.disabled
    shown = [button.description for button in panel.form.examples.children]
    assert shown == [label["value"] for label in labels]


def another(control):
    """A value that is not the default."""
    match control.kind:
        case "choice":
            return next(each for each in control.choices if each != control.default)
        case "toggle":
            return control.default in (False, None) and control.name != "chat"
        case "stop_ids" | "token_ids":
            return (198, 2)
        case "biases":
            return ((13, -2.5),)
        case "texts":
            return ("\n", "a\\b")
        case "integer":
            return (control.default or 0) + 1
        case _:
            values = ((control.minimum or 0) + n * control.step for n in (1, 2))
            return next(value for value in values if value != control.default)


@pytest.mark.parametrize("name", [control.name for control in SHOWN])
def test_every_control_has_the_same_effect(scripted, name):
    control, form = BY_NAME[name], Form()
    handlers = Handlers(OfferedModels(scripted.preset, scripted), 4096)
    value = another(control)
    samplers = SAMPLERS if name != "sampler" else (value,)
    for sampler in samplers:
        values = {"sampler": sampler, name: value}
        sent = [as_typed(c, values.get(c.name, c.default)) for c in SHOWN]
        for each, typed in values.items():
            form.fields.by_name[each].write(typed)
        settings = handlers.settings_on_page(sent)
        assert settings == form.settings
        acts = control.acts_on(sampler)
        assert getattr(settings, name) == (value if acts else control.default)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_shows_the_same_controls_and_words(sampler):
    form = Form()
    form.fields.write({"sampler": sampler})
    told, chains, *knobs = knobs_for(sampler)
    boxes = [form.fields.by_name[knob.name].box for knob in KNOBS]
    shown = [box.layout.display != "none" for box in boxes]
    assert shown == [knob["visible"] for knob in knobs]
    assert (form.fields.chains.layout.display != "none") is chains["visible"]
    words = form.fields.by_name["sampler"].help.value.replace("&#x27;", "'")
    assert told["info"] in words
