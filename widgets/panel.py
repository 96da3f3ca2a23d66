"""The panel: what the page is, in a notebook."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import ipywidgets as w

from playground.interface.explorer import TABS
from playground.interface.model_fit import ModelFit, model_fit
from playground.interface.run_loop import BEGINS, Frame, RunLoop, Start
from playground.interface.status import STARTING, Status, error_status
from playground.models.chat_format import uses_chat_format
from playground.session import Session
from playground.settings import GenerationSettings
from widgets.background import Background
from widgets.comparison import Comparison
from widgets.engines import Model, borrow, give_back
from widgets.form import Form
from widgets.output import Output, saved_text_html, status_html
from widgets.run import Run
from widgets.snapshot import Snapshot
from widgets.tab_content import TabContent, TokenChoice
from widgets.tabs import (
    AttentionViewer,
    Cache,
    Candidates,
    Learn,
    SamplerLab,
    Tokens,
    WindowExplorer,
)

SECONDS_BETWEEN_REFRESHES = 0.5


class PlaygroundPanel(Snapshot, w.VBox):
    """Prompt and controls on the left, text and its pictures on the right.

    `model` is a `MistralCausalLM`, the name of a preset, or an engine; None is the
    default preset, which is loaded in the background. The kernel stays free: a run goes
    on beside other cells, and `run` is its result so far.

        panel = PlaygroundPanel()
        panel                                        # in a cell of its own
        panel.generate("The sea is", temperature=0.5)
        panel.join()
        panel.run.text
    """

    def __init__(self, model: Model = None) -> None:
        self.engine = borrow(model)
        self.session = Session(self.engine, record=True)
        self.run: Run | None = None
        """The latest run; it grows while it is written."""
        self._loop = RunLoop()
        self._placing = threading.RLock()
        self._thread: threading.Thread | None = None
        self._watcher: threading.Thread | None = None
        self._closed = threading.Event()
        self._pictures = Background()
        self.form = Form()
        self.output = Output(self.form.fields.by_name["strip_prompt"])
        self.token = TokenChoice()
        self.contents = self._make_contents()
        self.tabs = w.Tab([self.contents[name] for name in TABS], titles=TABS)
        self._status = STARTING
        self._card = w.HTML()
        super().__init__([self._card, self._columns()])
        self.add_class("playground")
        self._connect()
        self._show_model()
        self._begin_to_watch()

    @property
    def settings(self) -> GenerationSettings:
        """What is chosen now. Raises ValueError that lists every fault."""
        return self.form.settings

    def generate(self, prompt: str | None = None, **settings: Any) -> None:
        """Start a run and return at once; `join` waits for its end.

        `prompt` and `settings` are put into the panel's fields; what is not given stays
        as it is there. Raises ValueError for what is wrong with them.
        """
        chat = settings.get("chat")
        if self.engine.model is not None:
            uses_chat_format(self.engine.model, chat)
        self.form.fields.write(settings)
        if prompt is not None:
            self.form.prompt.value = prompt
        self._start_new(chat)

    def go_on(self, position: int | None = None, token_id: int | None = None) -> None:
        """Go on from the run's end, as a run of its own; returns at once.

        Or from its new token `position` (from 0), in whose place `token_id` stands.
        Raises ValueError for what is not there.
        """
        self._go_on(None, position, token_id)

    def _go_on(
        self, number: int | None, position: int | None, token_id: int | None
    ) -> None:
        settings, place = self.settings, {"number": number, "position": position}
        self._start(lambda: self.session.go_on(settings, **place, token_id=token_id))

    def stop(self) -> None:
        """End the run within one step; its text stays."""
        self.session.stop()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the run is over and drawn; False if `timeout` seconds are over."""
        started = time.monotonic()
        if self._thread is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                return False
        if timeout is not None:
            timeout = max(0.0, timeout - (time.monotonic() - started))
        return self._pictures.join(timeout)

    def close(self) -> None:
        """End the run, free the model unless others look at it, and leave the page."""
        if self._closed.is_set():
            return
        self._closed.set()
        self.stop()
        self.join(timeout=5)
        self._pictures.close(timeout=5)
        if self._watcher is not None:
            self._watcher.join(timeout=5)
        self.update_snapshots()
        self._handles = ()
        for content in self.contents.values():
            content.close()
        super().close()
        self.token.forget()
        if self.run is not None:
            self.run.forget()
        give_back(self.engine)

    def snapshot_html(self) -> str:
        """The panel's state as HTML that needs no kernel."""
        card, status = self._find_fit().card, f"<p>{status_html(self._status)}</p>"
        if self.run is None:
            return card + status
        run = self.run.transcript
        content = self.contents[TABS[self.tabs.selected_index or 0]]
        return f"{card}{status}{saved_text_html(run)}{content.snapshot_html()}"

    def _make_contents(self) -> dict[str, Any]:
        shared: dict[str, Any] = {
            "token": self.token,
            "background": self._pictures,
            "drawn": self.update_snapshots,
        }
        contents = (
            Candidates(take=self._take, **shared),
            SamplerLab(form=self.form, **shared),
            WindowExplorer(**shared),
            AttentionViewer(**shared),
            Cache(**shared),
            Comparison(self.engine, form=self.form),
            Tokens(**shared),
            Learn(),
        )
        return dict(zip(TABS, contents, strict=True))

    def _columns(self) -> w.Box:
        right = w.VBox([self.output, self.token, self.tabs])
        self.form.add_class("playground-left")
        right.add_class("playground-right")
        columns = w.HBox([self.form, right])
        columns.add_class("playground-columns")
        return columns

    def _connect(self) -> None:
        self.form.generate_button.on_click(lambda _: self._click(self._start_new))
        self.form.continue_button.on_click(lambda _: self._click(self.go_on))
        self.form.stop_button.on_click(lambda _button: self.stop())
        self.tabs.observe(self._open_tab, "selected_index")
        self._open_tab()

    def _click(self, act: Callable[[], None]) -> None:
        """Do what a click asks for, or say what is wrong with it."""
        self._loop.end(self.session)
        try:
            act()
        except ValueError as fault:
            self._place(self._loop.refuse(fault))

    def _take(self, position: int, token_id: int) -> None:
        """In the run whose candidates are shown, whatever runs by now."""
        run, _ = self.contents["Candidates"].offered
        versions = self.session.tree.versions
        (number,) = (v.number for v in versions if v.run is run.transcript)
        self._click(lambda: self._go_on(number, position, token_id))

    def _open_tab(self, _change: Any = None) -> None:
        chosen = TABS[self.tabs.selected_index or 0]
        for name, content in self.contents.items():
            if isinstance(content, TabContent):
                content.is_open = False
                if name == chosen:
                    content.open_now()

    def _start_new(self, chat: bool | None = None) -> None:
        """A ticked chat format is used where there is one; `chat` True insists."""
        settings = replace(self.settings, chat=True) if chat else self.settings
        self._start(lambda: self.session.generate(self.form.prompt.value, settings))

    def _start(self, start: Start) -> None:
        """Begin a run and listen to it alone; the one before goes on if none begins."""
        with self._placing:
            frames = self._loop.begin(self.session, start)
            assert self.session.transcript is not None
            self.run = Run(self.engine, self.session.transcript)
            self._place(BEGINS)
        self.form.continue_button.disabled = False
        self._begin_to_watch()
        self._thread = threading.Thread(
            target=self._listen, args=(frames, self.run), daemon=True
        )
        self._thread.start()

    def _listen(self, frames: Iterator[Frame], run: Run) -> None:
        """On a thread of its own: place what is seen of the run."""
        try:
            for frame in frames:
                with self._placing:
                    if run is self.run:  # else a later one has begun meanwhile
                        self._place(frame)
            if run is self.run:
                self._finish(run)
        except Exception as error:  # a thread has no caller to tell
            if run is self.run:
                self._place(Frame(status=error_status(error), keeps_text=True))

    def _place(self, frame: Frame) -> None:
        self._show_status(frame.status)
        if not frame.keeps_text:
            self.output.show_text(frame.run, frame.live)
        self.form.stop_button.disabled = not frame.live

    def _finish(self, run: Run) -> None:
        """The pictures of the whole text, and the one that stays."""
        self.token.show(run)
        for content in self.contents.values():
            if isinstance(content, TabContent):
                content.show(run)
        self.update_snapshots()

    def _show_status(self, status: Status) -> None:
        self._status = status
        self.output.show_status(status)

    def _begin_to_watch(self) -> None:
        """Also when a model that could not be loaded is tried again."""
        if self._fit.is_there and not self._fit.is_loading:
            return
        if self._watcher is None or not self._watcher.is_alive():
            self._watcher = threading.Thread(target=self._watch_model, daemon=True)
            self._watcher.start()

    def _watch_model(self) -> None:
        """Until the model is ready, say how far it is; a run says so itself."""
        while not self._closed.wait(SECONDS_BETWEEN_REFRESHES):
            self._show_model()
            if not self._fit.is_loading:
                return

    def _show_model(self) -> None:
        fit = self._fit = self._find_fit()
        self._card.value = self.style_html() + fit.card
        if self.run is None and not self._loop.told:
            self._show_status(fit.status)
        self.form.fit(fit)

    def _find_fit(self) -> ModelFit:
        model = self.engine.model
        name = getattr(model, "preset", None) or getattr(model, "name", None)
        return model_fit(str(name or "Mistral Playground"), self.engine)
