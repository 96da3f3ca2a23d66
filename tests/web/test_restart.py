"""A page whose server goes away, or whose tab does, comes back as it was."""

import re
import signal

import pytest
from playwright.sync_api import expect

from playground.system.cache_folder import cache_folder
from tests.app_process import AppProcess

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)
PROMPT = "KING RICHARD:\nNow is the"
SOME_WORDS = re.compile(r"\w+ \w+")


def begin(tab):
    tab.get_by_label("Prompt", exact=True).fill(PROMPT)
    tab.get_by_role("radio", name="Top-k").check()
    tab.get_by_label("Seed").fill("77")
    tab.get_by_role("button", name="Generate").click()


def expect_as_it_was(tab):
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)
    expect(tab.get_by_role("radio", name="Top-k")).to_be_checked()
    expect(tab.get_by_label("Seed")).to_have_value("77")


def output(tab):
    return tab.get_by_role("region", name="Output")


def test_a_run_that_is_not_over_is_in_the_address_already(page, scripted, open_tab):
    tab = open_tab(page.url)
    begin(tab)
    scripted.allow(1)
    expect(output(tab)).to_have_text("word0", use_inner_text=True)
    address = tab.evaluate("location.search")
    assert "seed=77" in address
    scripted.allow(2)
    expect(output(tab)).to_have_text("word0 word1 word2", use_inner_text=True)
    assert tab.evaluate("location.search") == address
    tab.goto(page.url)  # without it: what the browser kept
    expect_as_it_was(tab)


@pytest.mark.slow
def test_a_killed_server_comes_back_with_the_settings(tmp_path, open_tab):
    kept = {"PLAYGROUND_CACHE_DIR": str(cache_folder())}
    with AppProcess(tmp_path, **kept) as app:
        app.wait_until_it_says("Ready")
        tab = open_tab(app.url)
        tab.get_by_label("New tokens").fill("400")
        begin(tab)
        expect(tab.locator(".output-answer")).to_have_text(SOME_WORDS)
        assert app.end(signal.SIGKILL) == -signal.SIGKILL
    with AppProcess(tmp_path, app.port, **kept) as again:
        again.wait_until_it_says("Ready")
        tab.reload()
        expect_as_it_was(tab)
        expect(tab.get_by_label("New tokens")).to_have_value("400")
        tab.get_by_role("button", name="Generate").click()
        expect(tab.locator(".output-answer")).to_have_text(SOME_WORDS)
        assert again.end(signal.SIGTERM) == 0
