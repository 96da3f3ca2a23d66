"""A page over a scripted engine, and a browser to look at it."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlsplit

import gradio as gr
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, BrowserContext, Request, sync_playwright
from playwright.sync_api import Page as Tab

from playground.web import LAUNCH, build
from playground.web.explore import Exploration
from playground.web.handlers import Handlers
from tests.chromium import find_chromium
from tests.scripted import Scripted

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_configure(config: pytest.Config) -> None:
    """What Gradio does itself is no fault of a test."""
    for warning in (
        "ignore:unclosed:ResourceWarning",  # its event loops and their sockets
        "ignore::pandas.errors.Pandas4Warning",  # its statistics
    ):
        config.addinivalue_line("filterwarnings", warning)


@pytest.fixture(scope="session", autouse=True)
def _pages_are_collected() -> Iterator[None]:
    """While their warnings are ignored; after the session none is."""
    yield
    gc.collect()


@dataclass
class Page:
    """A launched page and its engine."""

    engine: Scripted
    demo: gr.Blocks
    url: str

    def client(self) -> Client:
        return Client(self.url, verbose=False)


def open_page(engine: Scripted, **options: Any) -> Page:
    demo = build(engine, engine.preset, **options)
    return Page(engine, demo, serve(demo))


def open_more(tab: Tab) -> None:
    """Open the part with the rarer controls.

    Gradio shows its fields a moment before it hears them: what a program, not a person,
    types in that moment stays in the field and is not sent.
    """
    tab.get_by_text("Stops, window, long prompts").click()
    tab.get_by_label("Stop tokens").wait_for()
    tab.wait_for_timeout(1000)


def serve(demo: gr.Blocks) -> str:
    """Launch a page as app.py does, on a free port; its address."""
    _, url, _ = demo.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **LAUNCH
    )
    return url


@pytest.fixture(autouse=True)
def _draw_every_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test sees each token it allowed; the pace has a test of its own."""
    monkeypatch.setattr("playground.interface.throttle.SECONDS_BETWEEN_UPDATES", 0)


@pytest.fixture
def page_for() -> Iterator[Callable[..., Page]]:
    """Opens pages over scripted engines and closes them after the test."""
    pages: list[Page] = []

    def open_and_keep(engine: Scripted, **options: Any) -> Page:
        pages.append(open_page(engine, **options))
        return pages[-1]

    yield open_and_keep
    for page in pages:
        page.engine.allow(None)
        page.demo.close(verbose=False)


@pytest.fixture
def scripted() -> Scripted:
    """A scripted engine that is ready."""
    return Scripted()


class Lent:
    """An engine that is the one of the test that runs."""

    engine = Scripted()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


@pytest.fixture(scope="session")
def shared_page() -> Iterator[Page]:
    """One page for many tests, as building one takes longer than most of them."""
    page = open_page(cast(Scripted, Lent()))
    yield page
    page.demo.close(verbose=False)


@pytest.fixture
def page(shared_page: Page, scripted: Scripted) -> Iterator[Page]:
    """A page over `scripted`, shared with tests that are over."""
    Lent.engine = scripted
    yield replace(shared_page, engine=scripted)
    scripted.allow(None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of this machine."""
    path = find_chromium()
    assert path, "No Chromium was found. Install one or set PLAYGROUND_CHROMIUM."
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, headless=True, args=list(CHROMIUM_FLAGS)
        )
        yield chromium
        chromium.close()


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Callable[..., Tab]]:
    """Opens browser tabs, each a visitor of its own. No request may leave loopback."""
    contexts: list[BrowserContext] = []
    outside: list[str] = []

    def note(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            outside.append(request.url)

    def open_one(url: str, **options: Any) -> Tab:
        options = {"viewport": {"width": 1280, "height": 900}} | options
        context = browser.new_context(**options)
        contexts.append(context)
        context.on("request", note)
        tab = context.new_page()
        tab.goto(url)
        tab.get_by_role("button", name="Generate").wait_for()
        return tab

    yield open_one
    for context in contexts:
        context.close()
    assert not outside


@pytest.fixture
def handlers(tab):
    """The page's functions over the models of the test's own `tab`."""
    return Handlers(tab.offered, 4096)


@pytest.fixture
def exploration(handlers):
    """Those of the tabs."""
    return Exploration(handlers.settings_on_page, handlers.open_tabs)
