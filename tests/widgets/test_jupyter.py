"""The panel in a real JupyterLab and a real Voilà, in a real browser."""

import importlib.util
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.widgets.jupyter import jupyter, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("jupyterlab", "voila"))),
        reason="JupyterLab and Voilà are not installed: tests/requirements.txt",
    ),
]
expect.set_options(timeout=30_000)

PANEL = """
from tests.scripted import Scripted
from widgets import PlaygroundPanel

engine = Scripted(answer=tuple(f" word{i}" for i in range(4000)))
engine.seconds_per_token = 0.02
engine.allow(None)
panel = PlaygroundPanel(engine)
panel
"""
MEANWHILE = "print('meanwhile', panel.run.finished, len(panel.run.tokens) > 0)"
HEADS = """
from widgets import AttentionViewer, generate

AttentionViewer(generate("shakespeare_mistral", "ROMEO.", max_new_tokens=6))
"""
VOILAS_OWN = "/npm/@fortawesome/"
"""The font of icons that Voilà's page asks for; without a network it goes without."""
ON_LOOPBACK = (
    *("--no-browser", "--ServerApp.ip=127.0.0.1", "--ServerApp.allow_root=True"),
    "--IdentityProvider.token=",
)


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A browser's tab from which no request may leave loopback."""
    outside: list[str] = []
    context = browser.new_context(viewport={"width": 1500, "height": 1400})

    def note(request: Request) -> None:
        parts = urlsplit(request.url)
        ours = parts.scheme in ("data", "blob") or parts.hostname == "127.0.0.1"
        if not ours and VOILAS_OWN not in request.url:
            outside.append(request.url)

    context.on("request", note)
    yield context.new_page()
    context.close()
    assert not outside


def generate(tab: Page) -> None:
    tab.get_by_label("Prompt", exact=True).fill("Hello")
    tab.get_by_role("button", name="Generate").click()


def status(tab: Page):
    return tab.locator(".playground-status").get_by_role("status").first


def picture_of_panel(tab: Page):
    """The static ones under all panels and small widgets."""
    return tab.locator("[class^=playground-of-]")


def run_cell(tab: Page, number: int) -> None:
    tab.locator(".jp-Notebook .jp-Cell").nth(number).locator(".cm-content").click()
    tab.keyboard.press("Control+Enter")


def test_in_jupyterlab_runs_stops_and_leaves_the_kernel_free(tab, tmp_path):
    write_notebook(tmp_path / "panel.ipynb", [PANEL, MEANWHILE, HEADS, "panel.close()"])
    with jupyter("jupyterlab", tmp_path, *ON_LOOPBACK) as url:
        tab.goto(f"{url}lab/tree/panel.ipynb?reset")
        expect(tab.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
        run_cell(tab, 0)
        expect(status(tab)).to_have_text("Ready")
        generate(tab)
        output = tab.get_by_role("region", name="Output").first
        expect(output).to_contain_text("word5")
        expect(status(tab)).to_have_text("Generating")
        run_cell(tab, 1)
        expect(tab.get_by_text("meanwhile None True")).to_be_visible()
        tab.get_by_role("button", name="Stop").first.click()
        expect(status(tab)).to_contain_text("Stopped by you after")
        expect(output).to_contain_text("word0 word1 word2")
        expect(picture_of_panel(tab)).to_have_count(1)
        expect(picture_of_panel(tab)).to_be_hidden()
        run_cell(tab, 2)
        viewer = tab.locator(".jp-Notebook .jp-Cell").nth(2)
        picture = viewer.locator("img.playground-light")
        expect(picture).to_have_attribute("alt", re.compile("of layer 0 over"))
        viewer.get_by_role("slider").first.focus()
        tab.keyboard.press("ArrowRight")
        expect(picture).to_have_attribute("alt", re.compile("of layer 1 over"))
        run_cell(tab, 3)  # closes the panel; the viewer stays
        first = tab.locator(".jp-Notebook .jp-Cell").nth(0)
        saved = first.locator("[class^=playground-of-]")
        expect(saved).to_be_visible()
        expect(saved).to_contain_text("word0 word1 word2")
        expect(viewer.locator("[class^=playground-of-]")).to_be_hidden()


def test_in_voila_runs_and_stops(tab, tmp_path):
    write_notebook(tmp_path / "panel.ipynb", [PANEL])
    arguments = ("panel.ipynb", "--no-browser", "--Voila.ip=127.0.0.1")
    with jupyter("voila", tmp_path, *arguments) as url:
        tab.goto(url)
        expect(status(tab)).to_have_text("Ready")
        generate(tab)
        expect(tab.get_by_role("region", name="Output").first).to_contain_text("word5")
        tab.get_by_role("button", name="Stop").first.click()
        expect(status(tab)).to_contain_text("Stopped by you after")
        expect(picture_of_panel(tab)).to_be_hidden()
