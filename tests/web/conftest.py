"""A page over a scripted engine, and a browser to look at it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, BrowserContext, Request, sync_playwright
from playwright.sync_api import Page as Tab

from playground.engine.events import (
    Event,
    Finished,
    Loading,
    PrefillProgress,
    Queued,
    Step,
    Timings,
)
from playground.settings import GenerationSettings
from playground.web import LAUNCH, build
from tests.chromium import find_chromium

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
END_TOKEN_ID = 2
ANSWER = tuple(f" word{i}" for i in range(40))


def pytest_configure(config: pytest.Config) -> None:
    """What Gradio does itself is no fault of a test."""
    for warning in (
        "ignore:unclosed:ResourceWarning",  # its event loops and their sockets
        "ignore::pandas.errors.Pandas4Warning",  # its statistics
    ):
        config.addinivalue_line("filterwarnings", warning)


@dataclass
class Scripted:
    """An engine that says `answer`, one piece each time the test lets it.

    `allow(n)` lets n more tokens out, `allow(None)` all that follow, one each
    `seconds_per_token`. One run at a time; the others are queued.
    """

    answer: tuple[str, ...] = ANSWER
    seconds_per_token: float = 0.0
    preset: str = "scripted_model"
    status: Any = field(default_factory=lambda: ready())
    model: Any = field(default_factory=lambda: _model())

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self.allowed: float = 0
        self.said = 0
        self.waiting: list[object] = []

    def allow(self, tokens: int | None) -> None:
        with self.changed:
            self.allowed = float("inf") if tokens is None else self.allowed + tokens
            self.changed.notify_all()

    def get_ready(self) -> None:
        with self.changed:
            self.status, self.model = ready(), _model()
            self.changed.notify_all()

    def wait_for_runs(self, number: int) -> bool:
        """Wait until so many runs hold or await the model."""
        with self.changed:
            return self.changed.wait_for(
                lambda: len(self.waiting) == number, timeout=15
            )


class ScriptedSession:
    """What the page uses of `playground.session.Session`."""

    def __init__(self, engine: Scripted) -> None:
        self.engine = engine
        self.prompt_text = ""
        self.text = ""
        self.seed: int | None = None
        self.settings = GenerationSettings()
        self._cancelled = threading.Event()

    def generate(self, prompt: str, settings: GenerationSettings) -> Iterator[Event]:
        if not isinstance(prompt, str) or not prompt.strip():
            raise ValueError("The prompt is empty. Write something for the model.")
        self.stop()
        self.settings = settings
        self._cancelled = cancelled = threading.Event()
        self.prompt_text = f"<|user|>{prompt}\n<|model|>" if settings.chat else prompt
        self.text, self.seed = "", 1234 if settings.seed is None else settings.seed
        return self._events(settings, cancelled)

    @property
    def shown_text(self) -> str:
        return self.text

    @property
    def whole_text(self) -> str:
        return ("" if self.settings.strip_prompt else self.prompt_text) + self.text

    def stop(self) -> None:
        with self.engine.changed:
            self._cancelled.set()
            self.engine.changed.notify_all()

    def _events(
        self, settings: GenerationSettings, cancelled: threading.Event
    ) -> Iterator[Event]:
        engine, run = self.engine, object()
        with engine.changed:
            engine.waiting.append(run)
            engine.changed.notify_all()
        try:
            while engine.waiting[0] is not run and not cancelled.is_set():
                yield Queued(ahead=engine.waiting.index(run))
                self._wait(lambda: engine.waiting[0] is run or cancelled.is_set())
            while engine.status.phase == "loading" and not cancelled.is_set():
                yield Loading(message="Downloading", fraction=engine.status.fraction)
                self._wait(lambda: engine.status.phase != "loading")
            yield PrefillProgress(done=8, total=8)
            yield from self._steps(settings, cancelled)
        finally:
            with engine.changed:
                engine.waiting.remove(run)
                engine.changed.notify_all()

    def _steps(
        self, settings: GenerationSettings, cancelled: threading.Event
    ) -> Iterator[Event]:
        engine = self.engine
        timings = Timings(tokens_per_second=41.4)
        for index, piece in enumerate(engine.answer[: settings.max_new_tokens]):
            while engine.allowed < 1 and not cancelled.is_set():
                self._wait(lambda: engine.allowed >= 1)
            if cancelled.is_set():
                yield Finished(reason="cancelled", timings=timings)
                return
            engine.allowed -= 1
            engine.said += 1
            cancelled.wait(engine.seconds_per_token)
            self.text += piece
            yield Step(token_id=index, index=index, text=piece, tokens_per_second=41.4)
        ended = len(engine.answer) < (settings.max_new_tokens or 0)
        yield Finished(
            reason="stop" if ended else "length",
            stopped_by=(END_TOKEN_ID,) if ended else (),
            timings=timings,
        )

    def _wait(self, until: Any) -> None:
        with self.engine.changed:
            self.engine.changed.wait_for(
                lambda: until() or self._cancelled.is_set(), timeout=0.2
            )


def ready() -> SimpleNamespace:
    return SimpleNamespace(phase="ready", message="Ready", fraction=None)


def loading(fraction: float) -> SimpleNamespace:
    return SimpleNamespace(phase="loading", message="Downloading", fraction=fraction)


def _model() -> SimpleNamespace:
    backbone = SimpleNamespace(
        num_layers=30,
        num_query_heads=9,
        num_key_value_heads=3,
        sliding_window=None,
        context_length=8192,
        compute_dtype="float32",
        token_embedding=SimpleNamespace(dtype_policy="float32"),
        count_params=lambda: 134_515_008,
    )
    tokenizer = SimpleNamespace(id_to_token={END_TOKEN_ID: "<|im_end|>"}.get)
    return SimpleNamespace(
        backbone=backbone, text_preprocessor=SimpleNamespace(tokenizer=tokenizer)
    )


@dataclass
class Page:
    """A launched page and its engine."""

    engine: Scripted
    demo: gr.Blocks
    url: str

    def client(self) -> Client:
        return Client(self.url, verbose=False)


def open_page(engine: Scripted, **options: Any) -> Page:
    demo = build(
        engine, engine.preset, new_session=lambda: ScriptedSession(engine), **options
    )
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
    monkeypatch.setattr("playground.web.pace.SECONDS_BETWEEN_UPDATES", 0)


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


@pytest.fixture
def page(page_for: Callable[..., Page], scripted: Scripted) -> Page:
    """A page over `scripted`."""
    return page_for(scripted)


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
