"""What happens on the page: run, go on, go back, stop, refresh."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr

from playground.controls import BY_NAME
from playground.engine import Event
from playground.exports import read_file
from playground.interface.explorer import head_label, places
from playground.interface.form import (
    ALL_EXAMPLES,
    KNOBS,
    SHOWN,
    length_control,
    sampler_in_words,
    settings_of,
    without_hidden,
)
from playground.interface.model_fit import ModelFit, model_fit
from playground.interface.prompt_count import prompt_count
from playground.interface.run_loop import Frame, frame_of_end
from playground.interface.status import Status
from playground.interface.stop_builder import stop_html
from playground.session import MAX_PROMPT_CHARACTERS, Session
from playground.settings import GenerationSettings
from playground.web.gradio_internals import data_of
from playground.web.offered_models import OfferedModels, split_name
from playground.web.open_tabs import OpenTabs
from playground.web.run_updates import NOTHING, Updates, on_status, placed
from playground.web.saving import fields_of
from playground.web.tab import Tab

_DEFAULTS = GenerationSettings()
Start = Callable[[Session, GenerationSettings], Iterator[Event]]

STORED = "A stored answer, seed {seed}. Press Generate to write your own."


class Handlers:
    """The page's functions: plain functions and generators."""

    def __init__(self, offered: OfferedModels, max_new_tokens: int) -> None:
        self.offered = offered
        self.max_new_tokens = length_control(max_new_tokens)
        self.open_tabs = OpenTabs()

    def refresh(self, tab: Tab, chat: Any = None) -> Updates:
        """Model card, status, timer, and what fits the model, until it is ready.

        From its first run on, a tab's status tells of its runs. `chat` stands in the
        box for the chat format.
        """
        fit = model_fit(split_name(tab.model)[0], tab.session.engine)
        is_told = tab.runs.told or tab.session.version is not None
        box = _chat_box(tab, fit, chat)
        labels = [gr.update(value=example.label) for example in fit.examples]
        return (
            fit.card,
            gr.skip() if is_told else fit.status.value(),
            gr.Timer(active=fit.is_loading or (box["interactive"] and "value" in box)),
            gr.update(**box),
            *labels,
        )

    def restore(self, tab: Tab, query: Any) -> Updates:
        """What the page's address asks for: prompt, model, status, chains, settings.

        `query` is the address's, or that of this browser's last run.
        """
        query = str(query)
        nothing = tuple(gr.skip() for _ in range(4 + len(SHOWN)))
        try:
            link, values = fields_of(query)
            if not link.prompt and not link.preset and link.settings == _DEFAULTS:
                return nothing
        except ValueError as fault:
            return (*nothing[:2], tab.refuse(fault).value(), *nothing[3:])
        faults = [f"an unknown part, {part}" for part in link.unknown]
        if link.preset and not tab.choose_by_link(link.preset):
            faults.append(f"{link.preset}, a model that this page does not offer")
        status, sampler = gr.skip(), link.settings.sampler
        if faults:
            words = f"This link asks for {', and for '.join(faults)}."
            status = tab.refuse(ValueError(words)).value()
        shown = {
            control.name: gr.update(value=value, visible=control.acts_on(sampler))
            for control, value in zip(SHOWN, values, strict=True)
        }
        told, chains, *_ = knobs_for(sampler)
        shown["sampler"] |= told
        return link.prompt, tab.model, status, chains, *shown.values()

    def choose(self, tab: Tab, name: Any, chat: Any = True) -> Updates:
        """Another model: its last answer, and then as `refresh`.

        `chat` stands in the box for the chat format; a model with one finds it again.
        """
        fault = None
        try:
            tab.choose(str(name))
            if tab.kept_chat is None:
                tab.kept_chat = chat is not False
        except ValueError as refused:
            fault = refused
        card, _, _, *fitting = self.refresh(tab)
        if fault is not None:
            return *on_status(tab.refuse(fault)), card, gr.skip(), *fitting
        shown = placed(tab, tab.session, frame_of_end(tab.session))
        return *shown, card, gr.Timer(active=True), *fitting

    def run(
        self, tab: Tab, request: gr.Request, prompt: Any, *values: Any
    ) -> Iterator[Updates]:
        """Stream one run to output, status, Stop and answers. It ends the run before.

        `values` belong to `SHOWN`, as the browser sent them.
        """

        def start(session: Session, wanted: GenerationSettings) -> Iterator[Event]:
            return session.generate(prompt, wanted)

        yield from self._runs(tab, request, values, start)

    def go_on(self, tab: Tab, request: gr.Request, *values: Any) -> Iterator[Updates]:
        """Go on from the end of the answer that is shown."""
        yield from self._runs(tab, request, values, Session.go_on)

    def one_token(
        self, tab: Tab, request: gr.Request, prompt: Any, *values: Any
    ) -> Iterator[Updates]:
        """Write one token: of the answer that is shown, or the first of a new one."""

        def start(session: Session, wanted: GenerationSettings) -> Iterator[Event]:
            wanted = replace(wanted, max_new_tokens=1)
            run = session.transcript
            if run is None or run.prompt != prompt or not run.prompt_token_ids:
                return session.generate(prompt, wanted)
            return session.go_on(wanted)

        yield from self._runs(tab, request, values, start)

    def branch(
        self, tab: Tab, request: gr.Request, event: gr.EventData, *values: Any
    ) -> Iterator[Updates]:
        """Take another candidate for a token and write on from there.

        It is that of the list which the button stands in, whatever runs or is in focus.
        """
        data = data_of(event)
        token_id, number, index = (data.get(name) for name in ("token", "run", "index"))

        def start(session: Session, wanted: GenerationSettings) -> Iterator[Event]:
            if any(type(each) is not int for each in (token_id, number, index)):
                raise ValueError("Choose a candidate of a token that the model chose.")
            return session.go_on(
                wanted, number=number, position=index, token_id=token_id
            )

        yield from self._runs(tab, request, values, start)

    def example(self, tab: Tab, label: Any) -> Updates:
        """Show the stored answer of an example, if the model in use wrote one."""
        example, session = ALL_EXAMPLES.get(str(label)), tab.session
        stored = example and tab.stored_answer(example)
        if example is None or stored is None:
            return NOTHING
        tab.start()
        tab.show_example(example.label, stored)
        tab.runs.told = True
        words = STORED.format(seed=stored.run.seed)
        frame = Frame(status=Status(phase="done", words=words), run=session.transcript)
        return placed(tab, session, frame, stored.spans)

    def open_file(self, tab: Tab, data: Any) -> Updates:
        """Take in a run or a tree of them that was saved before."""
        try:
            if not isinstance(data, bytes):
                raise ValueError("Choose a file of a run or of all answers (JSON).")
            what = read_file(data)
            tab.start()
            tab.session.open(what)
        except ValueError as fault:
            return on_status(tab.refuse(fault))
        return placed(tab, tab.session, frame_of_end(tab.session))

    def turn(self, tab: Tab, event: gr.EventData) -> Updates:
        """Show the answer before or after this one; the run that goes on stops."""
        session, step = tab.session, data_of(event).get("step")
        version, last = session.version, len(session.tree.versions) - 1
        if version is None or step not in (-1, 1):
            return NOTHING
        tab.start()
        session.show(min(max(version.number + step, 0), last))
        return placed(tab, session, frame_of_end(session))

    def count(self, tab: Tab, prompt: Any, chat: Any = None) -> str:
        """How many tokens a prompt has, beside what the model can see at once."""
        model = tab.session.engine.model
        if model is None or not isinstance(prompt, str) or not prompt:
            return ""
        wanted = chat if isinstance(chat, bool) else None
        try:
            words = prompt_count(model, prompt[:MAX_PROMPT_CHARACTERS], wanted)
        except ValueError:
            return ""
        return f'<p class="hint">{escape(words)}</p>'

    def whole(self, tab: Tab) -> dict[str, Any]:
        """The output from its beginning: the browser has missed a part of it."""
        session = tab.session
        return tab.drawn.whole(session.transcript, session.engine.model)

    def follow(
        self, tab: Tab, which: Any, layer: Any, head: Any, prompt: Any, stop_text: Any
    ) -> Updates:
        """What the view `which` lets one choose, and texts in tokens, by the model.

        Sliders for layer and head, the prompt's count, how a stop text is written. What
        the model before had and this one lacks is not chosen any more.
        """
        model = tab.session.engine.model
        if model is None:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        numbers = places(model, str(which))
        sliders = [_slider(*each) for each in zip(numbers, (layer, head), strict=True)]
        sliders[1] |= {"label": head_label(str(which))}
        return (
            *sliders,
            self.count(tab, prompt),
            stop_html(model.text_preprocessor.tokenizer, stop_text),
        )

    def stop(self, tab: Tab) -> None:
        """End the tab's run; the run itself then shows why it stopped."""
        tab.stop()

    def leave(self, request: gr.Request) -> None:
        """The tab was closed: free the model."""
        self.open_tabs.leave(request.session_hash)

    def settings_of(self, values: dict[str, Any]) -> GenerationSettings:
        """What a browser or a program sent as settings; ValueError has the faults."""
        return settings_of(values, self.max_new_tokens)

    def settings_on_page(self, values: Sequence[Any]) -> GenerationSettings:
        """The same of the fields of `SHOWN`, in their order."""
        names = (control.name for control in SHOWN)
        sent = dict(zip(names, values, strict=True))
        return self.settings_of(without_hidden(sent))

    def _runs(
        self, tab: Tab, request: gr.Request, values: tuple[Any, ...], start: Start
    ) -> Iterator[Updates]:
        self.open_tabs.use(request.session_hash, tab)
        number, session = tab.start(), tab.session

        def begin() -> Iterator[Event]:
            return start(session, self.settings_on_page(values))

        for frame in tab.runs.answer_click(number, session, begin):
            yield placed(tab, session, frame)
        # When a run is over Gradio sends its last values once more, perhaps after those
        # of a later run; so the last ones must change nothing.
        yield NOTHING


def _slider(number: int, chosen: Any) -> dict[str, Any]:
    """One of `number` places, from 0."""
    update: dict[str, Any] = gr.update(maximum=number - 1)
    there = isinstance(chosen, int | float) and 0 <= chosen < number
    return update if there else update | {"value": number - 1}


def _chat_box(tab: Tab, fit: ModelFit, shown: Any) -> dict[str, Any]:
    """Empty and closed for a model without the format; then as it was before.

    It is put back until the page shows it: an answer about the model before may arrive
    after the first about this one.
    """
    if not fit.has_chat_format:
        tab.kept_chat = True if tab.kept_chat is None else tab.kept_chat
        return {"interactive": False, "value": False}
    if tab.kept_chat is not None and tab.kept_chat != shown:
        return {"interactive": True, "value": tab.kept_chat}
    tab.kept_chat = None
    return {"interactive": True}


def knobs_for(sampler: Any) -> Updates:
    """What the sampler does, and which of its knobs show."""
    if BY_NAME["sampler"].fault(sampler):
        return tuple(gr.skip() for _ in range(2 + len(KNOBS)))
    shown = [gr.update(visible=control.acts_on(sampler)) for control in KNOBS]
    chains = gr.update(visible=sampler == "chain")
    return gr.update(info=sampler_in_words(sampler)), chains, *shown
