"""The page in a real browser, over real models."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, expect

from playground.engine import Engine
from playground.models import MistralCausalLM
from playground.session import start_engine
from playground.web import build
from tests.web.conftest import Tab, open_more, serve

pytestmark = pytest.mark.browser


PROMPT = "KING HENRY.\nWhat news, my lord? "


def status(tab: Tab) -> Locator:
    return tab.locator("#status").get_by_role("status")


@pytest.fixture
def url(engine: Engine[MistralCausalLM]) -> Iterator[str]:
    demo = build(engine, "smollm2_135m_instruct")
    yield serve(demo)
    demo.close(verbose=False)


@pytest.fixture(scope="module")
def small_url() -> Iterator[str]:
    """A page over the small model that comes along."""
    engine = start_engine("shakespeare_mistral", warm_length=0)
    demo = build(engine, "shakespeare_mistral")
    yield serve(demo)
    demo.close(verbose=False)
    engine.close()


def write_and_stop(tab: Tab, prompt: str) -> str:
    """What was there when Escape was pressed, which stays."""
    answer = tab.locator(".output-answer")
    tab.get_by_label("Prompt", exact=True).fill(prompt)
    tab.get_by_role("radio", name="Greedy").check()  # a drawn one may be short
    tab.get_by_label("New tokens").fill("2000")
    tab.get_by_role("button", name="Generate").click()
    expect(answer).to_have_text(re.compile("[a-z]{2,}"))
    tab.keyboard.press("Escape")
    expect(status(tab)).to_have_text(
        re.compile(r"Stopped by you after \d+ tokens?; the text")
    )
    return answer.inner_text()


def write_eight(tab: Tab, prompt: str) -> None:
    tab.get_by_label("Prompt", exact=True).fill(prompt)
    tab.get_by_label("New tokens").fill("8")
    tab.get_by_role("button", name="Generate").click()


@pytest.mark.slow
def test_a_question_is_answered_stopped_and_answered_again(
    url: str, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab(url)
    expect(tab.locator("#card")).to_contain_text("135M parameters")
    assert write_and_stop(tab, "Tell me a very long story.")
    write_eight(tab, "What is gravity?")
    # Both chats begin with the same words of the template, so they are not read again.
    ended = r"^Reached 8 new tokens · [\d.]+ tok/s · \d+ prompt tokens reused$"
    expect(status(tab)).to_have_text(re.compile(ended))
    expect(tab.locator(".output-answer")).to_contain_text(re.compile("[Gg]ravity"))


def test_a_text_is_written_and_another_takes_its_place(
    small_url: str, open_tab: Callable[..., Tab]
) -> None:
    """Stop is tried on the scripted page, where the run is sure to go on."""
    tab = answered(open_tab(small_url))
    answer = tab.locator(".output-answer")
    before = answer.inner_text()
    assert before
    write_eight(tab, "ROMEO.\nI dreamt a dream tonight, and ")
    expect(answer).not_to_have_text(before, use_inner_text=True)
    expect(status(tab)).to_have_text(re.compile(r"^Reached 8 new tokens · [\d.]+ tok"))


def test_a_stop_id_outside_of_the_vocabulary_is_refused_and_the_text_stays(
    small_url: str, open_tab: Callable[..., Tab]
) -> None:
    tab = answered(open_tab(small_url))
    kept = tab.locator(".output-answer").inner_text()
    open_more(tab)
    tab.get_by_label("Stop tokens").fill("2000")
    tab.get_by_role("button", name="Generate").click()
    expect(status(tab)).to_contain_text("2000")
    assert tab.locator(".output-answer").inner_text() == kept


def answered(tab: Tab) -> Tab:
    """The same tab with an answer of eight tokens."""
    expect(tab.locator("#card")).to_contain_text("window 64 tokens")
    write_eight(tab, PROMPT)
    expect(status(tab)).to_contain_text("Reached 8 new tokens")
    expect(tab.locator("#where")).to_contain_text("new token 7:")
    return tab


def picture(tab: Tab, name: str) -> Locator:
    return tab.locator(f"#panel-{name} img").first


def test_a_model_without_a_chat_format_is_not_asked_for_one(
    small_url: str, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab(small_url)
    expect(tab.get_by_label("Chat format")).to_be_disabled()
    expect(tab.get_by_label("Chat format")).not_to_be_checked()


def test_the_lab_follows_the_knobs_and_nothing_is_run(
    small_url: str, open_tab: Callable[..., Tab]
) -> None:
    tab = answered(open_tab(small_url))
    tab.get_by_role("tab", name="Sampler lab").click()
    lab = picture(tab, "sampler-lab")
    expect(lab).to_have_attribute("alt", re.compile("^Tokens left: model 2,000 → "))
    before, text = lab.get_attribute("alt"), tab.locator(".output-answer").inner_text()
    tab.locator("#top_p input[type=number]").fill("1")
    tab.locator("#top_p input[type=number]").blur()
    expect(lab).not_to_have_attribute("alt", before or "")
    assert tab.locator(".output-answer").inner_text() == text


@pytest.mark.parametrize("width", [390, 1280])
def test_window_heads_cache_and_tokens_have_pictures_with_words_and_numbers(
    small_url: str, open_tab: Callable[..., Tab], width: int
) -> None:
    tab = answered(open_tab(small_url, viewport={"width": width, "height": 844}))
    for name in ("Window", "Heads", "Cache", "Tokens"):
        tab.get_by_role("tab", name=name).click()
        panel = tab.locator(f"#panel-{name.lower()}")
        image = picture(tab, name.lower())
        expect(image).to_have_attribute("alt", re.compile(r"\w+ .*\d"))
        panel.get_by_text("Numbers").first.click()
        expect(panel.get_by_role("columnheader").first).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_another_layer_is_another_picture(
    small_url: str, open_tab: Callable[..., Tab]
) -> None:
    tab = answered(open_tab(small_url))
    tab.get_by_role("tab", name="Heads").click()
    image = picture(tab, "heads")
    expect(image).to_have_attribute("alt", re.compile("of layer 0"))
    tab.locator("#layer input[type=number]").fill("3")
    tab.locator("#layer input[type=number]").blur()
    expect(image).to_have_attribute("alt", re.compile("of layer 3"))


def test_the_text_shows_where_the_focused_token_looks(
    small_url: str, open_tab: Callable[..., Tab]
) -> None:
    tab = answered(open_tab(small_url))
    tab.get_by_role("tab", name="Heads").click()
    tab.get_by_role("radio", name="Head", exact=True).check()
    links = tab.locator("#panel-heads .links")
    expect(links).to_contain_text("looks at")
    linked = tab.locator("#output .is-linked")
    expect(linked.first).to_be_attached()
    tab.locator(".output-answer > span").nth(3).click()
    expect(tab.locator("#where")).to_contain_text("new token 3:")
    expect(links).to_contain_text("is looked at by")
    tab.get_by_role("tab", name="Tokens").click()
    expect(linked).to_have_count(0)
