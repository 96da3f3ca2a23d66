"""The right side's top: what the model is doing, and the text so far."""

from html import escape

import ipywidgets as w

from playground.interface.status import Status
from playground.transcript import Transcript
from widgets.fields import Field

EMPTY = (
    "The text appears here. Write a prompt or choose an example, then press Generate."
)


class Output(w.VBox):
    """Status, a bar, and the text. May be written from any thread."""

    def __init__(self, strip_prompt: Field) -> None:
        self._words = w.HTML()
        self._numbers = w.HTML()
        self._bar = w.HTML()
        self._text = w.HTML(text_html(None))
        self._strip_prompt = strip_prompt
        line = w.HBox([self._words, self._numbers])
        line.add_class("playground-status")
        super().__init__([line, self._bar, self._text, strip_prompt.box])
        strip_prompt.widget.observe(self._show_text, "value")
        self._run: Transcript | None = None
        self._live = False

    def show_status(self, status: Status) -> None:
        """What the model is doing; a screen reader hears the words when they change."""
        words = status_html(status)
        if self._words.value != words:
            self._words.value = words
        self._numbers.value = f"<span>{escape(status.numbers)}</span>"
        self._bar.value = _bar_html(status.fraction)

    def show_text(self, run: Transcript | None, live: bool) -> None:
        self._run, self._live = run, live
        self._show_text()

    def _show_text(self, _change: object = None) -> None:
        hide = bool(self._strip_prompt.widget.value)
        self._text.value = text_html(self._run, hide_prompt=hide, live=self._live)


def status_html(status: Status) -> str:
    return (
        f'<span role="status" class="playground-phase playground-{status.phase}">'
        f"{escape(status.words)}</span>"
    )


def text_html(
    run: Transcript | None, *, hide_prompt: bool = True, live: bool = False
) -> str:
    """Prompt and answer; everything in them is text, also where it looks like HTML."""
    if run is None or not (run.prompt_text or run.shown_text):
        inside = f'<span class="playground-empty">{EMPTY}</span>'
    else:
        prompt = "" if hide_prompt else escape(run.prompt_text)
        inside = (
            f'<span class="playground-given">{prompt}</span>'
            f"<span>{escape(run.shown_text)}</span>"
        )
        inside += '<span class="playground-caret"></span>' if live else ""
    return (
        '<div class="playground-output" role="region" aria-label="Output" tabindex="0">'
        f"<div>{inside}</div></div>"
    )


def saved_text_html(run: Transcript) -> str:
    """The text where there is no stylesheet."""
    hidden = run.settings.strip_prompt
    text = escape(run.shown_text if hidden else run.prompt_text + run.shown_text)
    return f'<pre style="white-space: pre-wrap">{text}</pre>'


def _bar_html(fraction: float | None) -> str:
    if fraction is None:
        return '<div class="playground-bar"></div>'
    width = f"{100 * fraction:.1f}%"
    return f'<div class="playground-bar"><div style="width: {width}"></div></div>'
