"""The tabs of the panel, each also a small widget by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets as w

from playground.interface.explorer import Choices, head_label, places
from playground.interface.form import SAMPLER_KNOBS
from playground.interface.learn import tour
from playground.interface.stop_builder import (
    STOP_HELP,
    STOP_LABEL,
    STOP_PLACEHOLDER,
    stop_html,
)
from playground.system.progress import Progress
from playground.views.amounts import percent
from playground.views.candidates import CandidatesView, CandidateToken
from playground.views.declaration import Declaration
from playground.views.registry import choices_of
from playground.views.token_spans import SCORES
from playground.views.view import View
from widgets.fields import help_line, wide
from widgets.form import Fields, Form, read
from widgets.run import Run
from widgets.tab_content import TabContent


class Candidates(TabContent):
    """What each token was chosen from: `Candidates(run)`.

    With `take(position, token_id)` another one can be taken in its place; `offered` is
    the run and the new token that the list is of.
    """

    tab = "Candidates"

    def __init__(
        self,
        run: Run | None = None,
        *,
        take: Callable[[int, int], None] | None = None,
        **rest: Any,
    ) -> None:
        self._take = take
        self.offered: tuple[Run, int] | None = None
        self.others = w.Dropdown(description="Instead", **wide())
        self.take_button = w.Button(description="Take", disabled=True)
        self.take_button.tooltip = "Take this token, and go on from there"
        self.take_button.on_click(self._take_chosen)
        row = w.HBox([self.others, self.take_button])
        row.layout.display = "none" if take is None else None
        super().__init__(run, below=row, **rest)

    def views(self, run: Run, progress: Progress) -> Sequence[View]:
        self.take_button.disabled, self.others.options = True, ()
        (view,) = super().views(run, progress)
        if isinstance(view, CandidatesView):
            self.offered = run, view.index
            self._offer([each for each in view.candidates if not each.is_chosen])
        return [view]

    def _offer(self, others: Sequence[CandidateToken]) -> None:
        self.others.options = [
            (f"{each.label}  {percent(each.before)}", each.token_id) for each in others
        ]
        self.others.index = 0 if others else None
        self.take_button.disabled = not others

    def _take_chosen(self, _button: Any) -> None:
        """In the place that they were offered for: the focus may have moved on."""
        if self._take and self.offered and self.others.value is not None:
            self._take(self.offered[1], self.others.value)


class Learn(w.HTML):
    """A short tour on the panel's own controls."""

    def __init__(self) -> None:
        super().__init__(tour())

    def snapshot_html(self) -> str:
        """The same text."""
        return str(self.value)


class SamplerLab(TabContent):
    """A token's place through any chain, at once: `SamplerLab(run)`.

    In the panel it follows the panel's own knobs.
    """

    tab = "Sampler lab"

    def __init__(
        self, run: Run | None = None, *, form: Form | None = None, **rest: Any
    ) -> None:
        self._form = form
        self._fields = form.fields if form else Fields("sampler", *SAMPLER_KNOBS)
        choices = [] if form else self._fields.sampler_boxes
        super().__init__(None, choices, **rest)
        self._fields.observe(self.redraw)
        if run is not None:
            self.token.show(run)
            self.show(run)

    def show(self, run: Run) -> None:
        if self._form is None:
            settings = run.settings
            own = self._fields.by_name
            self._fields.write({name: getattr(settings, name) for name in own})
        super().show(run)

    def choices(self, run: Run) -> Choices:
        form = self._form
        settings = (
            form.settings if form else replace(run.settings, **read(self._fields))
        )
        return replace(super().choices(run), settings=settings)


class WindowExplorer(TabContent):
    """What any sliding window lets the text see: `WindowExplorer(run)`."""

    tab = "Window"

    def __init__(self, run: Run | None = None, **rest: Any) -> None:
        self.window = w.IntText(description="Window", continuous_update=True, **wide())
        self.window.tooltip = "Tokens that each token sees, itself included."
        super().__init__(run, [self.window], **rest)

    def show(self, run: Run) -> None:
        own = run.views.window.size if run.token_ids else None
        self.window.value = own or len(run.prompt_token_ids) + len(run.token_ids)
        super().show(run)

    def choices(self, run: Run) -> Choices:
        size = self.window.value
        if size < 1:
            raise ValueError(f"A window has at least 1 token, got {size}.")
        other = None if size == run.views.window.size else size
        return replace(super().choices(run), sliding_window=other)


class AttentionViewer(TabContent):
    """Where heads look, layer by layer: `AttentionViewer(run)`."""

    tab = "Heads"

    def __init__(self, run: Run | None = None, **rest: Any) -> None:
        self.layer, self.head = _number("Layer"), _number("Head")
        self.run = None
        super().__init__(run, [self.layer, self.head], **rest)
        self._show_choices()

    def _choice(self, named: Mapping[str, Declaration]) -> w.ToggleButtons:
        view = super()._choice(named)
        view.observe(self._show_choices, "value")  # before it is drawn
        return view

    def show(self, run: Run) -> None:
        self._show_places(run)
        super().show(run)

    def _show_places(self, run: Run) -> None:
        if run.token_ids:
            layers, heads = places(run.views.model, self.view.value)
            self.layer.max, self.head.max = layers - 1, heads - 1

    def choices(self, run: Run) -> Choices:
        place = {"layer": self.layer.value, "head": self.head.value}
        return replace(super().choices(run), **place)

    def _show_choices(self, _change: Any = None) -> None:
        view = choices_of(self.tab)[self.view.value]
        self.head.description = head_label(self.view.value)
        if self.run is not None:
            self._show_places(self.run)
        for name, slider in (("layer", self.layer), ("head", self.head)):
            slider.layout.display = None if view.takes(name) else "none"


class Cache(TabContent):
    """Where keys and values lie in memory: `Cache(run)`."""

    tab = "Cache"


class Tokens(TabContent):
    """The text, each token shaded by a score, and a stop builder: `Tokens(run)`."""

    tab = "Tokens"

    def __init__(self, run: Run | None = None, **rest: Any) -> None:
        labels = [(score.label, name) for name, score in SCORES.items()]
        self.score = w.Dropdown(options=labels, description="Coloured by", **wide())
        self.stop_text = w.Text(
            description=STOP_LABEL, placeholder=STOP_PLACEHOLDER, **wide()
        )
        self.stop_view = w.HTML()
        self.stop_text.observe(self._build_stop, "value")
        below = [self.stop_text, help_line(STOP_HELP), self.stop_view]
        super().__init__(run, [self.score], below=w.VBox(below), **rest)

    def choices(self, run: Run) -> Choices:
        return replace(super().choices(run), score=self.score.value)

    def show(self, run: Run) -> None:
        super().show(run)
        self._build_stop()

    def _build_stop(self, _change: Any = None) -> None:
        model = self.run.engine.model if self.run else None
        tokenizer = model.text_preprocessor.tokenizer if model else None
        self.stop_view.value = stop_html(tokenizer, self.stop_text.value)


def _number(label: str) -> w.IntSlider:
    """Counted from 0, as the pictures do."""
    return w.IntSlider(
        description=label, min=0, max=0, continuous_update=False, **wide()
    )
