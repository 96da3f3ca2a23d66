"""The page in a real browser, over the real model."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from playground.engine import Engine
from playground.models import MistralCausalLM
from playground.web import build
from tests.web.conftest import Tab, open_more, serve

pytestmark = pytest.mark.browser


@pytest.fixture
def url(engine: Engine[MistralCausalLM]) -> Iterator[str]:
    demo = build(engine, "smollm2_135m_instruct")
    yield serve(demo)
    demo.close(verbose=False)


def test_a_question_is_answered_stopped_and_answered_again(
    url: str, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab(url)
    status = tab.locator("#status").get_by_role("status")
    answer = tab.locator(".output-answer")
    expect(tab.locator("#card")).to_contain_text("135M parameters")
    tab.get_by_label("Prompt", exact=True).fill("Tell me a very long story.")
    tab.get_by_label("New tokens").fill("2000")
    tab.get_by_role("button", name="Generate").click()
    expect(answer).to_have_text(re.compile("[a-z]{2,}"))
    tab.keyboard.press("Escape")
    expect(status).to_have_text(re.compile(r"Stopped by you after \d+ tokens?; .*seed"))
    kept = answer.inner_text()
    assert kept
    tab.get_by_label("Prompt", exact=True).fill("What is gravity?")
    tab.get_by_role("radio", name="Greedy").check()
    tab.get_by_label("New tokens").fill("8")
    tab.get_by_role("button", name="Generate").click()
    # Both chats begin with the same words of the template, so they are not read again.
    ended = r"^Reached 8 new tokens · [\d.]+ tok/s · \d+ prompt tokens reused$"
    expect(status).to_have_text(re.compile(ended))
    expect(answer).to_contain_text(re.compile("[Gg]ravity"))


def test_a_stop_id_outside_of_the_vocabulary_is_refused_and_the_text_stays(
    url: str, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab(url)
    status = tab.locator("#status").get_by_role("status")
    tab.get_by_label("Prompt", exact=True).fill("The sea is")
    tab.get_by_label("New tokens").fill("4")
    tab.get_by_role("button", name="Generate").click()
    expect(status).to_contain_text("Reached 4 new tokens")
    kept = tab.locator(".output-answer").inner_text()
    open_more(tab)
    tab.get_by_label("Stop tokens").fill("49152")
    tab.get_by_role("button", name="Generate").click()
    expect(status).to_contain_text("49152")
    assert tab.locator(".output-answer").inner_text() == kept
