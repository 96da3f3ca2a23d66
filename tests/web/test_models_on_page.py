"""What fits the model that is chosen: chat format and examples."""

import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from playground.engine import BusyError
from playground.interface.form import COMPLETIONS, EXAMPLES, examples_for
from playground.web.handlers import Handlers
from playground.web.offered_models import OfferedModels
from playground.web.tab import Tab
from tests.scripted import Scripted
from tests.web.test_handlers import values

expect.set_options(timeout=15_000)
SMALL = "shakespeare_mistral"
ROMEO, *_ = examples_for(SMALL)


def without_chat():
    engine = Scripted(preset=SMALL)
    engine.model.text_preprocessor.tokenizer.chat_template = None
    engine.allow(None)
    return engine


@pytest.fixture
def tab(scripted):
    scripted.allow(None)
    return Tab(OfferedModels("scripted", scripted, {SMALL: without_chat}))


@pytest.fixture
def handlers(tab):
    return Handlers(tab.offered, 4096)


def chat_and_labels(updates):
    chat, *examples = updates[-4:]
    chat = {key: chat[key] for key in ("interactive", "value") if key in chat}
    return chat, [example["value"] for example in examples]


def labels(examples):
    return [example.label for example in examples]


CLOSED, OPEN = {"interactive": False, "value": False}, {"interactive": True}


def test_chat_format_and_examples_follow_the_model(handlers, tab):
    assert chat_and_labels(handlers.refresh(tab)) == (OPEN, labels(EXAMPLES))
    chosen = handlers.choose(tab, SMALL, True)
    assert chat_and_labels(chosen) == (CLOSED, labels(examples_for(SMALL)))
    assert chat_and_labels(handlers.refresh(tab))[0] == CLOSED
    back = handlers.choose(tab, "scripted", False)  # what the closed box sends
    put_back = {**OPEN, "value": True}
    assert chat_and_labels(back) == (put_back, labels(EXAMPLES))
    # An answer about the model before may come late and empty the box once more.
    late, shown = handlers.refresh(tab, False), handlers.refresh(tab, True)
    assert chat_and_labels(late)[0] == put_back
    assert late[2].active
    assert chat_and_labels(shown)[0] == OPEN
    assert not shown[2].active
    assert chat_and_labels(handlers.refresh(tab, False))[0] == OPEN


def test_a_box_that_was_unticked_comes_back_unticked(handlers, tab):
    handlers.choose(tab, SMALL, False)
    back = handlers.choose(tab, "scripted", False)
    assert chat_and_labels(back)[0] == {**OPEN, "value": False}


def test_the_box_is_open_again_while_another_model_loads(handlers, tab, scripted):
    handlers.choose(tab, SMALL, True)
    scripted.model = None
    back = handlers.choose(tab, "scripted", False)
    assert chat_and_labels(back) == ({**OPEN, "value": True}, labels(EXAMPLES))


def test_a_model_that_only_continues_texts_gets_beginnings_of_texts():
    engine = Scripted(preset="base")
    tab = Tab(OfferedModels("base", engine))
    handlers = Handlers(tab.offered, 4096)
    assert chat_and_labels(handlers.refresh(tab))[1] == labels(EXAMPLES)
    engine.model.text_preprocessor.tokenizer.chat_template = None
    assert chat_and_labels(handlers.refresh(tab))[1] == labels(COMPLETIONS)


def test_a_model_that_is_not_offered_changes_nothing_but_the_status(handlers, tab):
    expected = len(handlers.choose(tab, SMALL, True))
    updates = handlers.choose(tab, "/etc/passwd", False)
    assert len(updates) == expected
    assert "This page offers scripted" in updates[1]["words"]
    assert tab.model == SMALL


def test_a_ticked_box_asks_for_a_chat_format_only_where_there_is_one(handlers, tab):
    tab.choose(SMALL)
    request = SimpleNamespace(session_hash="one")
    shown = list(handlers.run(tab, request, "Hello", *values(chat=True)))
    assert shown[-2][1]["phase"] == "done"
    assert tab.session.transcript.prompt_text == "Hello"


def test_one_token_of_a_run_that_never_began_is_the_first_of_a_new_one(
    handlers, tab, scripted, monkeypatch
):
    def full(_request):
        raise BusyError("64 people are waiting already.")

    def one_token():
        request = SimpleNamespace(session_hash="one")
        return list(handlers.one_token(tab, request, "Hello", *values()))[-2][1]

    with monkeypatch.context() as patch:
        patch.setattr(scripted, "model", None)
        patch.setattr(scripted, "wait_for_model", lambda _: True)
        assert one_token()["phase"] == "error"
    assert "Reached 1 new token" in one_token()["words"]


@pytest.mark.browser
def test_examples_change_with_the_model_and_can_be_generated(page_for, open_tab):
    page = page_for(Scripted(preset="scripted_model"), more={SMALL: without_chat})
    tab = open_tab(page.url)
    chat, model = tab.get_by_label("Chat format"), tab.get_by_label("Model")
    prompt = tab.get_by_label("Prompt", exact=True)
    expect(chat).to_be_checked()
    model.click()
    tab.get_by_role("option", name=re.compile(SMALL)).click()
    romeo = tab.get_by_role("button", name=ROMEO.label)
    expect(romeo).to_be_visible()
    expect(tab.get_by_role("button", name="Write a poem")).to_have_count(0)
    expect(chat).to_be_disabled()
    expect(chat).not_to_be_checked()
    romeo.click()
    expect(prompt).to_have_value(ROMEO.prompt)
    status = tab.locator("#status").get_by_role("status")
    expect(status).to_contain_text("A stored answer")
    tab.get_by_role("button", name="Generate").click()
    expect(status).to_contain_text("Stopped: end token")
    model.click()
    tab.get_by_role("option", name=re.compile("scripted_model")).click()
    expect(chat).to_be_checked()
    expect(chat).to_be_enabled()
    tab.get_by_role("button", name="Write a poem").click()
    expect(prompt).to_have_value("Write a short poem about the sea.")


@pytest.mark.browser
def test_a_link_to_another_model_finds_what_fits_it(page_for, open_tab):
    page = page_for(Scripted(preset="scripted_model"), more={SMALL: without_chat})
    tab = open_tab(f"{page.url}?v=1&preset={SMALL}&prompt=Hello")
    expect(tab.locator("#card")).to_contain_text(SMALL)
    expect(tab.get_by_label("Chat format")).to_be_disabled()
    expect(tab.get_by_label("Chat format")).not_to_be_checked()
    expect(tab.get_by_role("button", name=ROMEO.label)).to_be_visible()
