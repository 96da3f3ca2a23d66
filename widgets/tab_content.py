"""What stands in a tab: choices, and the pictures that follow them."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as w

from playground.interface.explorer import NOTHING_YET, Choices, Focus
from playground.interface.status import error_status
from playground.interface.view_html import message_html
from playground.models.interpretability.text_reading import ExplainStopped
from playground.system.progress import Progress, Report, Stopped
from playground.views.declaration import Declaration
from playground.views.explained_text import Waiting
from playground.views.registry import HINTS, choices_of, in_tab
from playground.views.view import View
from widgets.background import Background
from widgets.fields import wide
from widgets.picture import Shown, themed_html
from widgets.run import Run
from widgets.snapshot import Snapshot, close_all


class TokenChoice(w.VBox):
    """The token that is looked at, of prompt and answer; the last one, to begin with.

    `focus` may be read from any thread.
    """

    def __init__(self) -> None:
        self.position = w.IntSlider(
            description="Token",
            min=1,
            max=1,
            continuous_update=False,
            readout=False,
            **wide(),
        )
        self._name = w.HTML()
        super().__init__([self.position, self._name])
        self._run: Run | None = None
        self.position.observe(self._show_name, "value")

    def show(self, run: Run) -> None:
        """Choose among the tokens of `run`; its last one is chosen."""
        count = len(run.prompt_token_ids) + len(run.token_ids)
        self._run = run
        with self.position.hold_trait_notifications():
            self.position.max = max(1, count)
            self.position.value = self.position.max
        self._show_name()

    def forget(self) -> None:
        """Let go of the run."""
        self._run = None

    @property
    def focus(self) -> Focus:
        before = len(self._run.prompt_token_ids) if self._run else 0
        index = self.position.value - 1
        if index < before:
            return Focus(index=index, in_prompt=True)
        return Focus(index=index - before)

    def _show_name(self, _change: Any = None) -> None:
        run, name = self._run, ""
        if run is not None and run.token_ids:
            name = escape(run.explorer.name(self.focus))
        self._name.value = f'<p class="playground-help">{name}</p>'


class TabContent(Snapshot, w.VBox):
    """The views in a tab and the choices over them; one of the small widgets.

    One beside others draws only while `is_open`. Subclasses have a `tab`, and add
    what else can be chosen in it.
    """

    tab = ""

    def __init__(
        self,
        run: Run | None = None,
        choices: Sequence[Any] = (),
        *,
        token: TokenChoice | None = None,
        background: Background | None = None,
        drawn: Callable[[], None] | None = None,
        below: Any = None,
    ) -> None:
        views = in_tab(self.tab)
        self.hint = HINTS[self.tab]
        self.follows_token = any(v.takes("index") or v.takes("position") for v in views)
        if named := choices_of(self.tab):
            choices = [self._choice(named), *choices]
        self.run: Run | None = None
        self._own_token = token is None
        self.token = token or TokenChoice()
        self.background = background or Background()
        self._own_background = background is None
        self._drawn = drawn or self.update_snapshots
        self.is_open = True
        self._stale = True
        self._shown: tuple[Shown, ...] = ()
        self._html = w.HTML(message_html(NOTHING_YET))
        hint = w.HTML(
            f'{self.style_html()}<p class="playground-help">{escape(self.hint)}</p>'
        )
        mine = [self.token] if self._own_token and self.follows_token else []
        last = [] if below is None else [below]
        super().__init__([hint, *choices, *mine, self._html, *last])
        self.add_class("playground")
        for choice in choices:
            choice.observe(self.redraw, "value")
        if self.follows_token:
            self.token.position.observe(self.redraw, "value")
        if run is not None:
            self.token.show(run)
            self.show(run)

    def views(self, run: Run, progress: Progress) -> Sequence[View]:
        """What to show now; called on another thread than the kernel's.

        Raises ValueError, in words fit to show, where there is nothing to see.
        """
        choice = self.view.value if choices_of(self.tab) else ""
        waiting = Waiting(progress)
        return run.explorer.tab(self.tab, choice, self.choices(run), waiting)

    # A tab with a choice of layers looks at the run's model.
    def choices(self, run: Run) -> Choices:  # noqa: ARG002
        """What is chosen now. Raises ValueError for what cannot be."""
        return Choices(focus=self.token.focus)

    def _choice(self, named: Mapping[str, Declaration]) -> w.ToggleButtons:
        self.view = w.ToggleButtons(
            options=list(named),
            tooltips=[view.words for view in named.values()],
            description="View",
            style={"button_width": "auto", "description_width": "132px"},
        )
        return self.view

    def show(self, run: Run) -> None:
        """Look at this run."""
        self.run = run
        self.redraw()

    def open_now(self) -> None:
        """Its tab was chosen: draw what changed meanwhile."""
        self.is_open = True
        if self._stale:
            self.redraw()

    def redraw(self, _change: Any = None) -> None:
        """Draw in the background; returns at once."""
        self._stale = True
        if self.is_open and self.run is not None:
            self.background.submit(self._draw)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until all is drawn; False if the time is over."""
        return self.background.join(timeout)

    def close(self) -> None:
        """End what is drawn, let go of the run and its pictures, and leave the page."""
        if self.comm is None:
            return
        if self._own_background:
            self.background.close(timeout=5)
        super().close()
        if self.run is not None:
            self.run.forget()
        self.run, self._shown, self._html.value = None, (), ""
        if self._own_token:
            close_all(self.token)  # it is not shown where nothing follows it
            self.token.forget()

    def _draw(self, stopped: Stopped) -> None:
        def progress(message: str, fraction: float | None = None) -> None:
            if stopped():
                raise ExplainStopped(message)
            told = Report(message=message, fraction=fraction)
            self._html.value = message_html(told.words)

        if (run := self.run) is None:
            return  # it was closed
        try:
            shown = tuple(map(Shown, self.views(run, progress)))
            html = "".join(map(themed_html, shown))
        except ExplainStopped:
            return
        except ValueError as fault:
            shown, html = (), message_html(str(fault))
        except Exception as error:  # a thread has no caller to tell
            shown, html = (), message_html(error_status(error).words)
        if self.comm is None:
            return
        self._shown, self._html.value = shown, html
        self._stale = stopped()
        self._drawn()

    def snapshot_html(self) -> str:
        """What is seen now, as HTML that needs no kernel."""
        return "".join(shown._repr_html_() for shown in self._shown)
