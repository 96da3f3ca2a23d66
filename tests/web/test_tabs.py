"""Tokens, tabs, answers and links, in a real browser over a scripted engine."""

import json
import re
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.scripted import Scripted, loading
from tests.web.test_page import generate, output, status

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(page, scripted, open_tab):
    """A tab with an answer of four tokens."""
    scripted.allow(None)
    tab = open_tab(page.url)
    tab.get_by_label("New tokens").fill("4")
    generate(tab)
    expect(status(tab)).to_contain_text("Reached 4 new tokens")
    return tab


def token(tab, index):
    return tab.locator(".output-answer > span").nth(index)


def where(tab):
    return tab.locator("#where")


def panel(tab, name):
    tab.get_by_role("tab", name=name).click()
    return tab.locator(f"#panel-{name.lower().replace(' ', '-')}")


def choose_model(tab, name):
    tab.get_by_label("Model").click()
    tab.get_by_role("option", name=name).click()


def test_a_token_leads_to_its_candidates_by_mouse_and_by_keyboard(tab):
    expect(where(tab)).to_contain_text(", new token 3: ␣word3")
    token(tab, 1).click()
    expect(where(tab)).to_contain_text(", new token 1: ␣word1")
    candidates = tab.locator("#panel-candidates")
    expect(candidates).to_contain_text(
        "Kept 2 of 100 tokens · 80.0% of the probability"
    )
    expect(candidates.get_by_role("row", name=re.compile("^␣word1"))).to_contain_text(
        "taken"
    )
    output(tab).focus()
    tab.keyboard.press("ArrowRight")
    expect(where(tab)).to_contain_text(", new token 2: ␣word2")
    expect(tab.locator(".output-voice")).to_contain_text("New token 2: ␣word2")
    tab.keyboard.press("Home")
    expect(where(tab)).to_contain_text(", new token 0: ␣word0")


def test_another_candidate_begins_a_branch_and_nothing_is_lost(tab):
    token(tab, 1).click()
    expect(where(tab)).to_contain_text(", new token 1: ␣word1")
    tab.get_by_role("button", name="Write on from <unk> instead").click()
    expect(output(tab)).to_have_text(
        "word0<unk> word2 word3 word4 word5", use_inner_text=True
    )
    place = tab.locator(".answers-place")
    expect(place).to_have_text("2/2")
    tab.get_by_role("button", name="Undo").click()
    expect(output(tab)).to_have_text("word0 word1 word2 word3", use_inner_text=True)
    expect(status(tab)).to_contain_text("Reached 4 new tokens")
    expect(place).to_have_text("1/2")
    tab.get_by_role("button", name="Redo").click()
    expect(output(tab)).to_contain_text("<unk>")


def test_an_answer_goes_on(tab):
    tab.get_by_role("button", name="Continue", exact=True).click()
    expect(output(tab)).to_have_text(
        "word0 word1 word2 word3 word4 word5 word6 word7", use_inner_text=True
    )


def test_the_text_is_coloured_without_asking_the_server(tab):
    def background():
        return token(tab, 0).evaluate("span => getComputedStyle(span).backgroundColor")

    plain = background()
    tab.get_by_role("radio", name="Surprisal").check()
    assert background() != plain
    expect(token(tab, 0)).to_have_attribute(
        "title", re.compile(r"^␣word0 · probability 0.5 · surprisal 1 · ")
    )


def test_the_address_asks_for_the_same_in_a_new_browser(tab, page, open_tab):
    tab.get_by_label("Temperature").first.fill("0.45")
    tab.get_by_role("radio", name="Min-p").check()
    generate(tab, "A prompt with ünïcode & more?")
    expect(status(tab)).to_contain_text("Reached")
    expect(tab).to_have_url(re.compile("sampler=min_p"))
    query = urlsplit(tab.url).query
    other = open_tab(f"{page.url}?{query}")
    prompt = other.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_value("A prompt with ünïcode & more?")
    expect(other.get_by_role("radio", name="Min-p")).to_be_checked()
    expect(other.get_by_label("New tokens")).to_have_value("4")


def test_a_broken_link_is_told_in_words(page, open_tab):
    tab = open_tab(f"{page.url}?temperature=hot")
    expect(status(tab)).to_contain_text("Temperature must be")


def test_samplers_are_compared_side_by_side(tab):
    compared = panel(tab, "Compare")
    tab.get_by_role("button", name="Compare", exact=True).click()
    expect(compared).to_contain_text("word0 word1 word2 word3")
    expect(compared.locator("article")).to_have_count(3)


def test_a_stop_text_is_shown_in_its_tokens(tab):
    panel(tab, "Tokens")
    # A field is shown a moment before Gradio hears it.
    tab.get_by_label("Stop builder").press_sequentially("END", delay=300)
    expect(tab.locator("#tabs")).to_contain_text("after a full stop")


def test_a_run_is_saved_as_a_file(tab):
    tab.get_by_text("Share and save").click()
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Run (JSON)").click()
    run = json.loads(saved.value.path().read_text())
    assert saved.value.suggested_filename == "run.json"
    assert run["text"] == " word0 word1 word2 word3"
    assert len(run["records"]) == 4


def test_another_model_has_its_own_answers(page_for, scripted, open_tab):
    scripted.allow(None)
    other = Scripted(answer=(" another",) * 9)
    other.allow(None)
    page = page_for(scripted, more={"small": lambda: other})
    tab = open_tab(page.url)
    tab.get_by_label("New tokens").fill("2")
    generate(tab)
    expect(output(tab)).to_have_text("word0 word1", use_inner_text=True)
    choose_model(tab, "small")
    expect(output(tab)).to_contain_text("The text appears here")
    generate(tab)
    expect(output(tab)).to_have_text("another another", use_inner_text=True)
    choose_model(tab, "scripted_model")
    expect(output(tab)).to_have_text("word0 word1", use_inner_text=True)


def test_hostile_tokens_are_text_everywhere(page_for, open_tab):
    hostile = '"><img src=x onerror="window.hacked=1">'
    scripted = Scripted(answer=(hostile, "<script>window.hacked=1</script>"))
    scripted.allow(None)
    tab = open_tab(page_for(scripted).url)
    generate(tab, hostile)
    expect(status(tab)).to_contain_text("Stopped")
    expect(where(tab)).to_contain_text("script>")
    token(tab, 0).click()
    expect(tab.locator("#panel-candidates")).to_contain_text("img")
    panel(tab, "Compare")
    tab.get_by_role("button", name="Compare", exact=True).click()
    expect(tab.locator("#panel-compare article")).to_have_count(3)
    assert tab.evaluate("window.hacked") is None


def test_nobody_sees_the_tokens_of_another(page, scripted, open_tab):
    scripted.allow(None)
    first, second = open_tab(page.url), open_tab(page.url)
    generate(first, "Mine")
    expect(status(first)).to_contain_text("Stopped")
    for name in ("Candidates", "Tokens"):
        panel(second, name)
        shown = second.locator(f"#panel-{name.lower()}")
        expect(shown).to_contain_text("Generate something first")


def test_an_example_opens_at_once_with_a_stored_answer(page_for, open_tab):
    scripted = Scripted(preset="smollm2_135m_instruct", status=loading(0.4), model=None)
    tab = open_tab(page_for(scripted).url)
    tab.get_by_role("button", name="Explain gravity").click()
    expect(output(tab)).to_contain_text("Gravity is")
    expect(status(tab)).to_have_text(
        "A stored answer, seed 1. Press Generate to write your own."
    )
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value(
        "Explain gravity in two sentences."
    )
    expect(token(tab, 0)).to_have_attribute("title", re.compile("probability"))


def test_one_token_is_written_at_a_time(page, scripted, open_tab):
    scripted.allow(None)
    tab = open_tab(page.url)
    tab.get_by_label("Prompt", exact=True).fill("Hello")
    step = tab.get_by_role("button", name="Step", exact=True)
    for written in ("word0", "word0 word1", "word0 word1 word2"):
        step.click()
        expect(output(tab)).to_have_text(written, use_inner_text=True)
        expect(step).to_be_enabled()


def test_special_tokens_are_shown_when_wanted_and_never_copied(
    page, scripted, open_tab
):
    scripted.allow(None)
    tab = open_tab(page.url, permissions=["clipboard-read", "clipboard-write"])
    scripted.answer = (" word0", "<|im_end|>")
    generate(tab)
    expect(status(tab)).to_contain_text("Stopped")
    end = token(tab, 1)

    def shown():
        return end.evaluate("span => getComputedStyle(span, '::after').content")

    assert shown() == "none"
    tab.get_by_label("Special tokens").check()
    assert shown() == '"<|im_end|>"'
    tab.get_by_role("button", name="Copy", exact=True).click()
    expect(tab.get_by_role("button", name="Copied")).to_be_visible()
    assert tab.evaluate("navigator.clipboard.readText()") == " word0"


def test_the_prompts_tokens_are_counted_while_it_is_written(page, open_tab):
    tab = open_tab(page.url)
    tab.wait_for_timeout(1000)  # a field is shown a moment before Gradio hears it
    tab.get_by_label("Prompt", exact=True).press_sequentially("Three small words")
    expect(tab.locator("#counted")).to_have_text(
        "3 tokens. There is no window: each token sees all before it."
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page, scripted, open_tab, scheme):
    scripted.allow(None)
    tab = open_tab(page.url, color_scheme=scheme, reduced_motion="reduce")
    generate(tab)
    expect(where(tab)).to_contain_text("new token 39:")
    for name in ("Candidates", "Compare"):
        panel(tab, name)
        found = Axe().run(tab).response["violations"]
        serious = [each["id"] for each in found if each["impact"] != "minor"]
        assert serious == []


def test_a_saved_run_is_opened_again(tab, page, open_tab, tmp_path):
    tab.get_by_text("Share and save").click()
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="All answers (JSON)").click()
    file = tmp_path / "answers.json"
    saved.value.save_as(file)
    other = open_tab(page.url)
    other.get_by_text("Share and save").click()
    other.locator("#share input[type=file]").set_input_files(file)
    expect(output(other)).to_have_text("word0 word1 word2 word3", use_inner_text=True)
    expect(where(other)).to_contain_text(", new token 3: ␣word3")
    bad = tmp_path / "bad.json"
    bad.write_text('{"schema": "something/else"}')
    other.locator("#share input[type=file]").set_input_files(bad)
    expect(status(other)).to_contain_text("something/else")
    expect(output(other)).to_have_text("word0 word1 word2 word3", use_inner_text=True)


def test_a_browser_remembers_its_last_run(page, scripted, open_tab):
    scripted.allow(None)
    tab = open_tab(page.url)
    tab.get_by_label("New tokens").fill("3")
    generate(tab, "Remember me")
    expect(tab).to_have_url(re.compile("Remember"))
    tab.goto(page.url)  # without the address of the run
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value("Remember me")
    expect(tab.get_by_label("New tokens")).to_have_value("3")


def test_the_tour_is_on_the_page(page, open_tab):
    tab = open_tab(page.url)
    tab.get_by_role("tab", name="Learn").click()
    expect(tab.get_by_role("heading", name="The window")).to_be_visible()


def test_ring_line_and_take_are_of_one_token(tab):
    """Through Take, Step, Undo, Redo and Continue, and while a text is written."""
    ringed = tab.locator("#output .is-focused")

    def agree(words):
        expect(where(tab)).to_contain_text(words)
        expect(ringed).to_have_attribute(
            "title", re.compile("^" + re.escape(words.split(": ")[1]))
        )
        expect(ringed).to_have_count(1)

    agree("new token 3: ␣word3")
    token(tab, 1).click()
    agree("new token 1: ␣word1")
    tab.get_by_role("button", name="Write on from <unk> instead").click()
    agree("new token 5: ␣word5")
    tab.get_by_role("button", name="Undo").click()
    agree("new token 3: ␣word3")
    tab.get_by_role("button", name="Step", exact=True).click()
    agree("new token 4: ␣word4")
    token(tab, 0).click()
    agree("new token 0: ␣word0")
    panel(tab, "Compare")
    tab.get_by_role("button", name="Undo").click()
    agree("new token 5: ␣word5")
    tab.get_by_role("button", name="Redo").click()
    agree("new token 4: ␣word4")
    tab.get_by_role("button", name="Continue", exact=True).click()
    agree("new token 8: ␣word8")
    output(tab).focus()
    for _ in range(3):
        tab.keyboard.press("ArrowLeft")
    agree("new token 5: ␣word5")


def test_fields_are_heard_by_key_paste_and_button(page, scripted, open_tab):
    """The count after a paste and a deletion, the lab and the sliders by keys alone."""
    scripted.allow(None)
    tab = open_tab(page.url, permissions=["clipboard-read", "clipboard-write"])
    tab.wait_for_timeout(1000)  # a field is shown a moment before Gradio hears it
    prompt, counted = tab.get_by_label("Prompt", exact=True), tab.locator("#counted")
    prompt.focus()
    tab.evaluate("navigator.clipboard.writeText('Three small words')")
    tab.keyboard.press("Control+V")
    expect(counted).to_contain_text("3 tokens")
    tab.keyboard.press("Control+A")
    tab.keyboard.press("Delete")
    expect(counted).to_have_text("")
    tab.get_by_role("button", name="Continue a story").click()
    expect(counted).to_contain_text("tokens")
    slider = tab.locator("#temperature input[type=range]")
    slider.focus()
    tab.keyboard.press("ArrowRight")
    box = tab.locator("#temperature input[type=number]")
    expect(box).to_have_value("0.75")
    box.fill("0.3")
    tab.keyboard.press("Control+Enter")  # still in the box
    expect(status(tab)).to_contain_text("Stopped")
    expect(tab).to_have_url(re.compile("temperature=0.3"))


def test_a_link_is_copied_from_the_form_and_a_long_one_is_a_file(
    page, scripted, open_tab
):
    scripted.allow(None)
    tab = open_tab(page.url, permissions=["clipboard-read", "clipboard-write"])
    tab.get_by_label("New tokens").fill("2")
    generate(tab, "The run before")
    expect(tab).to_have_url(re.compile("run\\+before"))
    tab.get_by_label("Prompt", exact=True).fill("What stands here now")
    tab.get_by_text("Share and save").click()
    tab.get_by_role("button", name="Copy link").click()
    told = tab.locator(".export-told")
    expect(told).to_contain_text("The link is copied")
    assert "prompt=What+stands+here+now" in tab.evaluate(
        "navigator.clipboard.readText()"
    )
    generate(tab, "word " * 3000)
    expect(status(tab)).to_contain_text("Reached 2 new tokens")
    expect(tab).not_to_have_url(re.compile("prompt"))
    tab.get_by_role("button", name="Copy link").click()
    expect(told).to_contain_text("do not arrive")
    with tab.expect_download() as saved:
        told.get_by_role("button", name="Run (JSON)").click()
    assert json.loads(saved.value.path().read_text())["prompt"].startswith("word word")
