"""One prompt and seed through several samplers, side by side."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets as w

from playground.controls import SAMPLERS
from playground.interface.comparing import (
    COMPARED,
    ComparedTexts,
    compared_texts,
    settings_to_compare,
)
from playground.interface.form import short_name
from playground.interface.status import error_status
from playground.interface.view_html import message_html
from playground.session.comparison import Comparison as Runs
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.views.comparison import ComparisonView, names_of
from widgets.engines import Model, borrow, give_back
from widgets.fields import wide
from widgets.form import Form
from widgets.picture import show, themed_html
from widgets.snapshot import Snapshot, close_all


class Comparison(Snapshot, w.VBox):
    """The same prompt and seed through several samplers: `Comparison(model, prompt)`.

    `settings` are the numbers that all of them get. In the panel prompt and settings
    are the panel's own.
    """

    def __init__(
        self,
        model: Model = None,
        prompt: str = "",
        *,
        form: Form | None = None,
        **settings: Any,
    ) -> None:
        self.engine = borrow(model)
        self._form = form
        self._settings = GenerationSettings(**settings)
        self.prompt = w.Textarea(value=prompt, description="Prompt", rows=3, **wide())
        self.samplers = w.SelectMultiple(
            options=[(short_name(name), name) for name in SAMPLERS],
            value=COMPARED,
            rows=len(SAMPLERS),
            description="Samplers",
            **wide(),
        )
        self.compare_button = w.Button(description="Compare", icon="columns")
        self.stop_button = w.Button(description="Stop", icon="stop", disabled=True)
        self._html = w.HTML()
        self._runs: Runs | None = None
        self._view: ComparisonView | None = None
        self._thread: threading.Thread | None = None
        own = [] if form else [self.prompt]
        actions = w.HBox([self.compare_button, self.stop_button])
        style = w.HTML(self.style_html())
        super().__init__([style, *own, self.samplers, actions, self._html])
        self.add_class("playground")
        self.compare_button.on_click(self._clicked)
        self.stop_button.on_click(lambda _button: self.stop())

    @property
    def runs(self) -> Sequence[Transcript]:
        """What each sampler has written so far."""
        return self._runs.runs if self._runs else ()

    def compare(self) -> None:
        """Write all answers at once; returns while they grow. Raises ValueError."""
        prompt = self._form.prompt.value if self._form else self.prompt.value
        base = self._form.settings if self._form else self._settings
        settings = settings_to_compare(base, self.samplers.value)
        self.stop()
        self.join()
        self._runs = Runs(self.engine, prompt, settings)
        self.stop_button.disabled = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all runs within one step; their texts stay."""
        if self._runs is not None:
            self._runs.stop()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until all is written and drawn; False if the time is over."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def close(self) -> None:
        """End the runs, and free the model unless others look at it."""
        if self.comm is None:
            return
        self.stop()
        self.join(timeout=5)
        super().close()
        close_all(self.prompt)  # it is not shown in the panel
        self._html.value = ""
        if self._form is None:
            give_back(self.engine)

    def snapshot_html(self) -> str:
        return show(self._view)._repr_html_() if self._view else ""

    def _clicked(self, _button: Any) -> None:
        try:
            self.compare()
        except ValueError as fault:
            self._html.value = message_html(str(fault))

    def _listen(self) -> None:
        assert self._runs is not None
        texts = ComparedTexts()
        try:
            for texts in compared_texts(self._runs, self.engine):
                words = message_html(texts.message)
                self._html.value = texts_html(self.runs) if texts.view else words
            picture = themed_html(show(texts.view)) if texts.view else ""
            words = message_html(texts.message) if texts.message else ""
            self._view, self._html.value = texts.view, words + picture
        except Exception as error:  # a thread has no caller to tell
            self._html.value = message_html(error_status(error).words)
        finally:
            self.stop_button.disabled = True
            self.update_snapshots()


def texts_html(runs: Sequence[Transcript]) -> str:
    """The answers as they grow."""
    names = names_of([replace(run.settings, seed=run.seed) for run in runs])
    return "".join(
        f"<p><b>{escape(name)}</b></p>"
        f'<div class="playground-output"><div>{escape(run.shown_text)}</div></div>'
        for name, run in zip(names, runs, strict=True)
    )
