"""The panel, through its widgets' traits."""

import importlib.util
import re
import time
from pathlib import Path

import ipywidgets
import pytest

import widgets
from playground.interface.form import COMPLETIONS
from playground.interface.run_loop import Frame
from playground.interface.status import Status
from tests.scripted import ANSWER, Scripted, loading, ready, scripted_model
from widgets import panel as panel_module

pytestmark = pytest.mark.usefixtures("no_drawing")


def text(panel) -> str:
    """The output's text, tags taken off."""
    return re.sub("<[^>]*>", "", panel.output._text.value)


def status(panel) -> str:
    return re.sub("<[^>]*>", "", panel.output._words.value)


def wait_for(condition) -> None:
    ends = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_text_grows_while_the_kernel_is_free_stops_and_stays(
    panel, scripted, monkeypatch
):
    monkeypatch.setattr("playground.interface.throttle.SECONDS_BETWEEN_UPDATES", 0)
    panel.form.prompt.value = "Hello"
    panel.form.generate_button.click()
    assert panel.run.finished is None
    assert not panel.form.stop_button.disabled
    scripted.allow(2)
    wait_for(lambda: text(panel) == " word0 word1")
    assert status(panel) == "Generating"
    panel.form.stop_button.click()
    assert panel.join(15)
    assert text(panel) == panel.run.text == " word0 word1"
    assert "Stopped by you after 2 tokens; the text is kept" in status(panel)
    assert panel.form.stop_button.disabled


def test_a_second_run_takes_the_place_of_the_first(panel, scripted):
    panel.generate("First", chat=False, strip_prompt=False)
    scripted.allow(1)
    wait_for(lambda: text(panel) == "First word0")
    first = panel.run
    panel.generate("Second")
    scripted.allow(None)
    assert panel.join(15)
    assert text(panel) == "Second" + "".join(ANSWER)
    assert first.finished.reason == "cancelled"
    assert first.text == " word0"
    assert panel.form.stop_button.disabled


def test_what_an_older_run_says_late_is_not_drawn(panel, scripted):
    panel.generate("First")
    old = panel.run
    panel.generate("Second")
    scripted.allow(1)
    panel._listen(iter([Frame(status=Status(phase="error", words="late"))]), old)
    assert status(panel) != "late"
    assert not panel.form.stop_button.disabled
    assert panel.run is not old


def test_what_is_wrong_is_said_in_the_panel_or_raised_to_a_caller(panel):
    panel.form.generate_button.click()
    assert status(panel) == "The prompt is empty. Type something first."
    panel.form.prompt.value = "Hello"
    panel.form.fields.by_name["top_k"].widget.value = 5000
    panel.form.fields.by_name["sampler"].widget.value = "top_k"
    panel.form.generate_button.click()
    assert "Top-k must be a whole number from 0 to 1000, got 5000" in status(panel)
    assert panel.run is None
    with pytest.raises(ValueError, match=r"`top_k` must be a whole number"):
        panel.generate("Hello")


def test_a_call_fills_the_fields_or_leaves_them_all(panel, scripted):
    scripted.allow(None)
    panel.generate("Hi", temperature=0.5, seed=7, stop_strings=("\n",), top_p=0.5)
    values = panel.form.fields.values()
    assert values["seed"] == "7"
    assert values["stop_strings"] == r"\n"
    assert panel.run.settings.stop_strings == ("\n",)
    assert panel.run.settings.temperature == 0.5
    with pytest.raises(ValueError, match="`temperature` must be a number from 0 to 2"):
        panel.generate(temperature=9, seed=8)
    with pytest.raises(ValueError, match=r"no control \['temprature'\]"):
        panel.generate(temprature=1)
    assert panel.form.fields.values() == values


def test_an_error_on_the_way_is_shown(panel, scripted, monkeypatch):
    def broken(_request):
        raise ZeroDivisionError("in the engine")

    monkeypatch.setattr(scripted, "submit", broken)
    panel.generate("Hello")
    assert panel.join(15)
    assert status(panel) == "ZeroDivisionError: in the engine"


def test_only_the_samplers_own_knobs_are_shown(panel):
    fields = panel.form.fields.by_name

    def shown():
        names = ("temperature", "top_p", "top_k", "seed", "num_beams")
        return {name for name in names if fields[name].box.layout.display != "none"}

    assert shown() == {"temperature", "top_p", "seed"}
    fields["sampler"].widget.value = "beam"
    assert shown() == {"num_beams"}
    assert "likeliest texts as a whole" in fields["sampler"].help.value


def test_a_named_chain_and_an_example_fill_their_fields(panel):
    panel.form.fields.write({"sampler": "chain"})
    precise = panel.form.fields.chains.children[1]
    assert precise.description == "Precise"
    precise.click()
    assert panel.settings.temperature == 0.3
    assert panel.settings.min_p == 0.1
    panel.form.children[1].children[2].click()
    assert panel.form.prompt.value.startswith("Once upon a time")
    assert panel.settings.chat is False


def test_the_text_is_drawn_at_most_ten_times_a_second(panel, scripted):
    scripted.answer, scripted.seconds_per_token = ANSWER * 10, 0.002
    drawn = []
    panel.output._text.observe(drawn.append, "value")
    scripted.allow(None)
    started = time.monotonic()
    panel.generate("Hello", max_new_tokens=300)
    panel._thread.join()
    seconds = time.monotonic() - started
    assert panel.run.text.endswith("word19")
    assert 3 < len(drawn) <= 10 * seconds + 4  # each phase begins and ends at once


def test_an_answer_goes_on_from_its_end_or_with_another_token(panel, scripted):
    scripted.allow(None)
    assert panel.form.continue_button.disabled
    panel.generate("Hello", max_new_tokens=2)
    assert panel.join(15)
    panel.form.continue_button.click()
    assert panel.join(15)
    assert text(panel) == panel.run.text == " word0 word1 word2 word3"
    candidates = panel.contents["Candidates"]
    panel.token.position.value = panel.token.position.max - 2  # word1
    assert panel.join(15)
    shown, taken = candidates.others.options[0]
    assert shown == "<unk>  30.0%"
    candidates.take_button.click()
    assert panel.join(15)
    assert panel.run.token_ids[1] == taken
    assert len(panel.run.token_ids) == 4
    assert panel.run.transcript.answered == 2
    panel.token.position.value = 1
    assert panel.join(15)
    assert candidates.take_button.disabled  # it is the prompt's


def test_a_model_that_loads_tells_how_far_it_is(panel_for, monkeypatch):
    monkeypatch.setattr(panel_module, "SECONDS_BETWEEN_REFRESHES", 0.01)
    engine = Scripted(status=loading(0.43), model=None)
    panel = panel_for(engine)
    assert status(panel) == "Downloading"
    assert "43%" in panel.output._numbers.value
    engine.get_ready()
    wait_for(lambda: status(panel) == "Ready")
    assert "30 layers" in panel._card.value


def test_why_something_was_refused_stays_while_a_model_loads(panel_for, monkeypatch):
    monkeypatch.setattr(panel_module, "SECONDS_BETWEEN_REFRESHES", 0.01)
    engine = Scripted(status=loading(0.43), model=None)
    panel = panel_for(engine)
    panel.form.generate_button.click()
    engine.get_ready()
    wait_for(lambda: "30 layers" in panel._card.value)
    assert "The prompt is empty" in status(panel)


def test_text_is_never_html(panel, scripted):
    scripted.answer = (" <script>alert(1)</script>",)
    scripted.allow(None)
    panel.generate("<b>bold</b>", strip_prompt=False, chat=False)
    assert panel.join(15)
    html = panel.output._text.value + panel.snapshot_html()
    assert "<script" not in html
    assert "<b>bold" not in html
    assert "&lt;b&gt;bold&lt;/b&gt;</span><span> &lt;script&gt;" in html


def test_hiding_the_prompt_changes_the_text_that_is_there(panel, scripted):
    scripted.allow(None)
    panel.generate("Hello", chat=False, max_new_tokens=1)
    assert panel.join(15)
    assert text(panel) == " word0"
    panel.form.fields.by_name["strip_prompt"].widget.value = False
    assert text(panel) == "Hello word0"


def test_a_closed_panel_ends_its_run_and_leaves_a_persons_own_engine(
    panel_for, scripted
):
    panel = panel_for(scripted)
    panel.generate("Hello")
    panel.close()
    panel.close()
    assert panel.run.finished.reason == "cancelled"
    assert panel.comm is None


def test_ipywidgets_7_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(ipywidgets, "__version__", "7.7.1")
    spec = importlib.util.spec_from_file_location("old_widgets", Path(widgets.__file__))
    module = importlib.util.module_from_spec(spec)
    with pytest.raises(ImportError, match=r"needs ipywidgets 8, this is 7\.7\.1"):
        spec.loader.exec_module(module)


def test_a_model_without_a_chat_format_gets_the_prompt_as_it_is(panel_for, model):
    panel = panel_for(model)
    chat = panel.form.fields.by_name["chat"].widget
    wait_for(lambda: chat.disabled)
    for button, example in zip(panel.form.examples.children, COMPLETIONS, strict=True):
        assert button.description == example.label
        button.click()
        assert panel.form.prompt.value == example.prompt
        assert panel.settings.chat is False
    with pytest.raises(ValueError, match="no chat template"):
        panel.generate("the sea", chat=True)
    assert chat.value is False
    assert panel.run is None
    assert widgets.generate(model, "the sea", max_new_tokens=1).settings.chat is False
    with pytest.raises(ValueError, match="no chat template"):
        widgets.generate(model, "the sea", max_new_tokens=1, chat=True)


@pytest.mark.parametrize(
    ("asked", "reason"), [({}, "length"), ({"chat": True}, "error")]
)
def test_that_is_decided_when_the_model_is_there(panel_for, asked, reason):
    engine = Scripted(status=loading(0.43), model=None)
    panel = panel_for(engine)
    assert panel.form.fields.by_name["chat"].widget.value is True
    panel.generate("the sea", max_new_tokens=1, **asked)
    model = scripted_model()
    model.text_preprocessor.tokenizer.chat_template = None
    engine.allow(None)
    with engine.changed:
        engine.status, engine.model = ready(), model
        engine.changed.notify_all()
    assert panel.join(15)
    assert panel.run.finished.reason == reason
    assert panel.run.text == (" word0" if reason == "length" else "")
    assert (reason == "error") == ("no chat template" in status(panel))
