"""What happens in the tabs below the text: one handler shows whichever is open."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Self

import gradio as gr

from playground.exports import Link, to_query
from playground.interface.comparing import compared_texts, settings_to_compare
from playground.interface.explorer import TABS, Choices, Focus
from playground.interface.long_work import Done, in_steps
from playground.interface.status import fault_status
from playground.interface.stop_builder import stop_html
from playground.interface.view_html import message_html, view_html
from playground.session.comparison import Comparison
from playground.settings import GenerationSettings
from playground.system.progress import Progress, Report, Stopped
from playground.views.attention import AttentionView
from playground.views.candidates import CandidatesView
from playground.views.explained_text import NOBODY, Waiting
from playground.views.registry import HINTS, choices_of
from playground.views.token_spans import SCORES
from playground.views.view import View
from playground.web.candidates_html import candidates_html
from playground.web.comparison_html import compared_html
from playground.web.gradio_internals import data_of
from playground.web.links_html import links_html
from playground.web.open_tabs import OpenTabs
from playground.web.saving import Pictured, download_value, made_of
from playground.web.tab import Tab

PANELS = tuple(name for name in HINTS if name != "Compare")
"""The tabs that show views of the latest run."""
CHOOSING = tuple(name for name in PANELS if choices_of(name))
"""Those of them that show one view at a time."""

SettingsOf = Callable[[Sequence[Any]], GenerationSettings]
Admit = Callable[[Callable[..., Any]], Callable[..., Iterator[Any]]]


class Exploration:
    """The tabs' handlers. Inputs come from the browser and are checked here.

    `admit` has what reads a text begin when there is a place for it; None: at once.
    """

    def __init__(
        self,
        settings_of: SettingsOf,
        open_tabs: OpenTabs,
        admit: Admit | None = None,
    ) -> None:
        self._settings_of = settings_of
        self._open_tabs = open_tabs
        self._answer = admit(self._answer_at_once) if admit else self._answer_at_once

    def open(
        self, tab: Tab, request: gr.Request, event: gr.EventData, *sent: Any
    ) -> Iterator[Any]:
        """Another tab was chosen."""
        data = data_of(event)
        if data.get("value") in TABS:
            tab.opened = str(data["value"])
        yield from self.show(tab, request, *sent)

    def focus(
        self, tab: Tab, request: gr.Request, event: gr.EventData, *sent: Any
    ) -> Iterator[Any]:
        """A token of the text was chosen."""
        data = data_of(event)
        index, in_prompt = data.get("index"), data.get("prompt")
        if type(index) is int:
            tab.focus = Focus(index=index, in_prompt=in_prompt is True)
        if type(number := data.get("number")) is int:
            tab.choices = number
        yield from self.show(tab, request, *sent)

    def follow_knobs(self, tab: Tab, request: gr.Request, *sent: Any) -> Iterator[Any]:
        """A knob of the sampler was moved: the lab is computed again."""
        if tab.opened == "Sampler lab":
            yield from self.show(tab, request, *sent)
        else:
            yield panel_updates()

    def follow_score(self, tab: Tab, request: gr.Request, *sent: Any) -> Iterator[Any]:
        """The text is coloured by another score: so is the picture of its tokens."""
        if tab.opened == "Tokens":
            yield from self.show(tab, request, *sent)
        else:
            yield panel_updates()

    def show(self, tab: Tab, request: gr.Request, *sent: Any) -> Iterator[Any]:
        """The open tab's views, for the focused token, and which one that is.

        The last update changes nothing: Gradio sends it once more, perhaps after
        those of a later question.
        """
        if tab.opened in PANELS:
            self._open_tabs.use(request.session_hash, tab)
            yield from self._answer(tab, *sent)
        else:
            tab.questions.begin()
            yield panel_updates(where=focus_html(tab))
        yield panel_updates()

    def _answer_at_once(self, tab: Tab, *sent: Any) -> Iterator[Any]:
        chosen, explorer = SentChoices.of(sent), tab.explorer
        question, where = tab.questions.begin(), focus_html(tab)
        version = tab.session.version
        run = None if version is None else version.number

        def work(progress: Progress, stopped: Stopped) -> str:
            focus = explorer.focus(tab.focus)
            views = self._views(tab, focus, chosen, Waiting(progress, stopped))
            html = "".join(
                _html(view, run, explorer.position(focus), chosen) for view in views
            )
            self._open_tabs.has_read(explorer)
            return html

        for step in in_steps(work):
            if question != tab.questions.number:
                break  # a later question is answered now
            match step:
                case Report():
                    yield panel_updates(tab.opened, message_html(step.words), where)
                case Done(error=ValueError() as fault):
                    yield panel_updates(tab.opened, message_html(str(fault)), where)
                case Done(error=Exception() as error):
                    raise error
                case Done(result=str(html)):
                    yield panel_updates(tab.opened, html, where)

    def compare(
        self, tab: Tab, request: gr.Request, prompt: Any, names: Any, *values: Any
    ) -> Iterator[Any]:
        """Write with several samplers at once, until Stop; ends what ran before."""
        self._open_tabs.use(request.session_hash, tab)
        tab.stop()
        run, session = tab.runs.latest.number, tab.session
        try:
            settings = settings_to_compare(self._settings_of(values), names)
            comparison = Comparison(session.engine, prompt, settings, session.caller)
            tab.comparison = comparison
            for texts in compared_texts(comparison, session.engine):
                if tab.comparison is not comparison:
                    break  # a later one is shown now
                tab.compared = texts.view or tab.compared
                yield compared_html(texts), gr.Button(interactive=True)
            else:
                tab.comparison = None
        except ValueError as fault:
            yield message_html(str(fault)), gr.skip()
        if tab.comparison is None and tab.runs.latest.number == run:
            yield gr.skip(), gr.Button(interactive=False)
        yield gr.skip(), gr.skip()  # see `show`

    def build_stop(self, tab: Tab, text: Any) -> str:
        """How a stop text is written in tokens."""
        model = tab.session.engine.model
        return stop_html(model and model.text_preprocessor.tokenizer, text)

    def link(self, tab: Tab, prompt: Any, *values: Any) -> dict[str, Any]:
        """The query of a link to what the form says now."""
        number = tab.files.begin()
        try:
            settings = self._settings_of(values)
            link = Link(prompt=str(prompt), settings=settings, preset=tab.link_name)
            return {"link": to_query(link), "number": number}
        except ValueError as fault:
            words = fault_status(fault).words
            return {"fault": words, "offer": "run", "number": number}

    def save(self, tab: Tab, event: gr.EventData, *sent: Any) -> dict[str, Any]:
        """A file of the latest run; pictures are all those that the open tab shows."""
        data = data_of(event)

        def pictured() -> Pictured:
            if tab.opened == "Learn":
                raise ValueError("This tab has no picture. Open another one.")
            if tab.opened == "Compare":
                return Pictured.of_comparison(tab.compared)
            focus = tab.explorer.focus(tab.focus)
            views = self._views(tab, focus, SentChoices.of(sent))
            return Pictured.of_run(views, tab.explorer.run)

        number = tab.files.begin()
        try:
            made = made_of(tab.session, str(data.get("what")), pictured)
        except ValueError as fault:
            return {"fault": str(fault), "number": number}
        return download_value(made, number)

    def _views(
        self,
        tab: Tab,
        focus: Focus,
        chosen: "SentChoices",
        waiting: Waiting = NOBODY,
    ) -> Sequence[View]:
        heads, lab = tab.opened == "Heads", tab.opened == "Sampler lab"
        choices = Choices(
            focus=focus,
            layer=_whole(chosen.layer) if heads else 0,
            head=_whole(chosen.head) if heads else 0,
            score=chosen.score,
            settings=self._settings_of(chosen.values) if lab else None,
        )
        choice = chosen.choice(tab.opened)
        return tab.explorer.tab(tab.opened, choice, choices, waiting)


@dataclass(frozen=True)
class SentChoices:
    """What the browser sends with each question, not checked yet.

    `appearance` has "dark" and "narrow" in it if the page is, and the score that it
    colours tokens by; `choices` belong to CHOOSING, `values` to SHOWN.
    """

    appearance: Any
    choices: Sequence[Any]
    layer: Any
    head: Any
    values: Sequence[Any]

    @classmethod
    def of(cls, sent: Sequence[Any]) -> Self:
        """In the order of `TabsParts.choices`, then the values."""
        appearance, *rest = sent
        end = len(CHOOSING)
        layer, head, *values = rest[end:]
        return cls(appearance, rest[:end], layer, head, values)

    def choice(self, tab: str) -> str:
        """The view that is chosen in a tab; "" in one that shows all of its own."""
        if tab not in CHOOSING:
            return ""
        sent, known = self.choices[CHOOSING.index(tab)], choices_of(tab)
        if not isinstance(sent, str) or sent not in known:
            raise ValueError(f"Choose one of {', '.join(known)}; got {sent!r:.80}.")
        return str(sent)

    @property
    def score(self) -> str:
        """That of the text, if it is coloured by any."""
        named = [name for name in SCORES if name in str(self.appearance).split()]
        return named[0] if named else next(iter(SCORES))


def panel_updates(opened: str = "", html: str = "", where: str | None = None) -> Any:
    """The line that names the token, then one update for each of PANELS."""
    panels = [html if name == opened else gr.skip() for name in PANELS]
    return gr.skip() if where is None else where, *panels


def focus_html(tab: Tab) -> str:
    """The token in focus: its name, and for assets/focus.js its place in the text."""
    try:
        focus = tab.explorer.focus(tab.focus)
        name = escape(tab.explorer.name(focus))
    except ValueError:  # no token yet
        return ""
    part = "prompt" if focus.in_prompt else "answer"
    return (
        f'<span data-part="{part}" data-index="{focus.index}" '
        f'data-number="{tab.choices}">{name}</span>'
    )


def _html(view: View, run: int | None, position: int, chosen: SentChoices) -> str:
    if isinstance(view, CandidatesView):
        return candidates_html(view, run)
    links = links_html(view, position) if isinstance(view, AttentionView) else ""
    dark, narrow = "dark" in str(chosen.appearance), "narrow" in str(chosen.appearance)
    return links + view_html(view, dark=dark, narrow=narrow)


def _whole(sent: Any) -> int:
    """A layer or a head, counted from 0."""
    if not isinstance(sent, int | float) or not 0 <= sent < 10_000 or sent % 1:
        raise ValueError(f"Layers and heads are whole numbers, got {sent!r:.80}.")
    return int(sent)
