"""`make screenshots`: the pictures of the page in docs/, with the default model."""

from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from playground.presets import DEFAULT_PRESET
from playground.session import start_engine
from playground.web import build
from tests.chromium import find_chromium
from tests.web.conftest import CHROMIUM_FLAGS, serve

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
LOOKS = {
    "page": {"viewport": {"width": 1280, "height": 1240}, "color_scheme": "light"},
    "page-dark": {"viewport": {"width": 1280, "height": 1240}, "color_scheme": "dark"},
    "page-phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}
PROMPT = "Write a short poem about the sea."


def main() -> None:
    """Open the page in each look, write an answer and look at one of its tokens."""
    FOLDER.mkdir(exist_ok=True)
    engine = start_engine(DEFAULT_PRESET)
    engine.wait_until_warm()
    demo = build(engine, DEFAULT_PRESET, more={"shakespeare_mistral": lambda: engine})
    url = serve(demo)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=list(CHROMIUM_FLAGS)
        )
        for name in LOOKS:
            _take(browser, url, name)
        browser.close()
    demo.close(verbose=False)
    engine.close()


def _take(browser: Browser, url: str, name: str) -> None:
    tab = browser.new_context(reduced_motion="reduce", **LOOKS[name]).new_page()
    tab.goto(url)
    expect(tab.locator("#card")).to_contain_text("parameters", timeout=60_000)
    tab.wait_for_timeout(1000)  # fields are shown a moment before Gradio hears them
    tab.get_by_label("Prompt", exact=True).press_sequentially(PROMPT)
    tab.get_by_label("New tokens").fill("70")
    tab.get_by_label("Seed").fill("7")
    tab.get_by_role("button", name="Generate").click()
    expect(tab.locator("#where")).to_contain_text("Token", timeout=120_000)
    tab.get_by_role("radio", name="Surprisal").check()
    tab.locator(".output-answer > span").nth(6).click()
    expect(tab.locator("#where")).to_contain_text("new token 6:")
    tab.wait_for_timeout(1500)
    tab.evaluate("scrollTo(0, 0)")
    tab.screenshot(path=FOLDER / f"{name}.png", full_page=name == "page-phone")


if __name__ == "__main__":
    main()
