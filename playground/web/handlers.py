"""What happens on the page: run, go on, go back, stop, refresh."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from playground.controls import BY_NAME
from playground.engine import Event, Finished
from playground.exports import read_file
from playground.hosts.examples import stored_answer
from playground.hosts.explorer import head_label, places
from playground.hosts.form import (
    ALL_EXAMPLES,
    KNOBS,
    SHOWN,
    examples_for,
    length_control,
    sampler_in_words,
    settings_of,
    without_hidden,
)
from playground.hosts.model_card import model_card
from playground.hosts.pace import paced
from playground.hosts.prompt_count import prompt_count
from playground.hosts.status import (
    STARTING,
    Status,
    engine_status,
    facts_of,
    run_status,
)
from playground.hosts.stop_builder import stop_html
from playground.models import MistralCausalLM
from playground.models.chat_format import has_chat_format
from playground.session import MAX_PROMPT_CHARACTERS, Session
from playground.settings import GenerationSettings
from playground.web.offer import Offer, split_name
from playground.web.open_tabs import OpenTabs
from playground.web.tab import Tab
from playground.web.taking_away import fields_of, query_of

Updates = tuple[Any, ...]
_DEFAULTS = GenerationSettings()
Start = Callable[[Session, GenerationSettings], Iterator[Event]]

STORED = "A stored answer, seed {seed}. Generate writes your own."
NOTHING: Updates = (gr.skip(), gr.skip(), gr.skip(), gr.skip())
"""For output, status, Stop and the answers' buttons."""


class Handlers:
    """The page's functions: plain functions and generators."""

    def __init__(self, offer: Offer, max_new_tokens: int) -> None:
        self.offer = offer
        self.max_new_tokens = length_control(max_new_tokens)
        self.open_tabs = OpenTabs()

    def refresh(self, tab: Tab, chat: Any = None) -> Updates:
        """Model card, status, timer, and what fits the model, until it is ready.

        From its first run on, a tab's status tells of its runs. `chat` stands in the
        box for the chat format.
        """
        engine = tab.session.engine
        is_told = tab.told or tab.session.version is not None
        status = gr.skip() if is_told else engine_status(engine).value()
        waiting = engine.status.phase in ("loading", "compiling")
        card, fitting = model_card(_name(tab), engine.model), _fitting(tab, chat)
        box = fitting[0]
        waiting = waiting or (box["interactive"] and "value" in box)
        return card, status, gr.Timer(active=waiting), *fitting

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
            return (*nothing[:2], tab.refuse(fault), *nothing[3:])
        faults = [f"an unknown part, {part}" for part in link.unknown]
        if link.preset and not tab.choose_by_link(link.preset):
            faults.append(f"{link.preset}, a model that this page does not offer")
        status, sampler = gr.skip(), link.settings.sampler
        if faults:
            words = f"This link asks for {', and for '.join(faults)}."
            status = tab.refuse(ValueError(words))
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
        except ValueError as refused:
            fault = refused
        if fault is None and tab.kept_chat is None:
            tab.kept_chat = chat is not False
        card, _, _, *fitting = self.refresh(tab)
        if fault is not None:
            status = tab.refuse(fault)
            return NOTHING[0], status, *NOTHING[2:], card, gr.skip(), *fitting
        return *self._shown(tab), card, gr.Timer(active=True), *fitting

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
        yield from self._runs(
            tab, request, values, lambda session, wanted: session.go_on(wanted)
        )

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
        data = event._data if isinstance(event._data, dict) else {}
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
        stored = example and stored_answer(Path(tab.model).name, example)
        if example is None or stored is None:
            return NOTHING
        tab.start()
        place = tab.model, example.label
        if place not in tab.examples:
            tab.examples[place] = session.tree.add(stored.copy_of_run()).number
        session.show(tab.examples[place])
        status = Status(phase="done", words=STORED.format(seed=stored.run.seed))
        tab.told = True
        answers = answers_value(session, live=False, query=query_for(session))
        assert session.transcript is not None, "it is shown"
        spans = tab.drawn.stored(session.transcript, stored.spans)
        return spans, status.value(), gr.Button(interactive=False), answers

    def open_file(self, tab: Tab, data: Any) -> Updates:
        """Take in a run or a tree of them that was saved before."""
        try:
            if not isinstance(data, bytes):
                raise ValueError("Choose a file of a run or of all answers (JSON).")
            what = read_file(data)
            tab.start()
            tab.session.open(what)
        except ValueError as fault:
            return gr.skip(), tab.refuse(fault), gr.skip(), gr.skip()
        return self._shown(tab)

    def turn(self, tab: Tab, event: gr.EventData) -> Updates:
        """Show the answer before or after this one; the run that goes on stops."""
        data = event._data if isinstance(event._data, dict) else {}
        session, step = tab.session, data.get("step")
        version, last = session.version, len(session.tree.versions) - 1
        if version is None or step not in (-1, 1):
            return NOTHING
        tab.start()
        session.show(min(max(version.number + step, 0), last))
        return self._shown(tab)

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
        number = tab.start()
        try:
            yield gr.skip(), STARTING.value(), gr.Button(interactive=True), gr.skip()
            settings = self.settings_on_page(values)
            yield from self._stream(tab, number, start(tab.session, settings))
        except ValueError as fault:
            told, stop = tab.refuse(fault), gr.Button(interactive=False)
            yield gr.skip(), told, stop, gr.skip()
        finally:
            tab.end(number)
        # When a run is over Gradio sends its last values once more, perhaps after those
        # of a later run; so the last ones must change nothing.
        yield NOTHING

    def _stream(
        self, tab: Tab, number: int, events: Iterator[Event]
    ) -> Iterator[Updates]:
        session, query = tab.session, None
        assert session.transcript is not None, "a run has begun"
        facts = facts_of(session.transcript, session.engine)
        for event in paced(events, facts.note):
            if number != tab.latest_run:
                return  # a later run draws now
            live = not isinstance(event, Finished)
            query = query_for(session) if query is None else query
            model = session.engine.model
            yield (
                tab.drawn.value(session.transcript, model, live),
                run_status(event, facts).value(),
                gr.skip() if live else gr.Button(interactive=False),
                answers_value(session, live, query),
            )

    def _shown(self, tab: Tab) -> Updates:
        """Output, status, Stop and answers of a run that is over."""
        session = tab.session
        run, status = session.transcript, engine_status(session.engine)
        if run is not None:
            facts = facts_of(run, session.engine)
            end = run.finished or Finished(reason="cancelled")
            status = run_status(end, facts)
        return (
            tab.drawn.value(run, session.engine.model, live=False),
            status.value(),
            gr.Button(interactive=False),
            answers_value(session, live=False, query=query_for(session)),
        )


def query_for(session: Session) -> str | None:
    """The address that asks for its latest run again; None before there is a model."""
    run = session.transcript
    if run is None or run.model is None:
        return None
    return query_of(run.prompt, run.settings, run.model.preset)


def answers_value(session: Session, live: bool, query: str | None) -> dict[str, Any]:
    """What assets/answers.js draws: which answer this is, and what can be done.

    The browser keeps `query` from a run's beginning on, so that it is there if this
    process, or the tab, does not live to its end. What is too long for an address has
    "", and None is nothing new.
    """
    version = session.version
    return {
        "query": query,
        "number": version.number + 1 if version else 0,
        "count": len(session.tree.versions),
        "live": live,
        "parent": version.parent + 1 if version and version.parent is not None else 0,
    }


def _name(tab: Tab) -> str:
    """What the model in use is called, before it is there."""
    return Path(split_name(tab.model)[0]).name


def _fitting(tab: Tab, chat: Any) -> Updates:
    """Chat format and examples."""
    model = tab.session.engine.model
    examples = examples_for(_name(tab), model is None or has_chat_format(model))
    labels = [gr.update(value=example.label) for example in examples]
    return gr.update(**_fitting_chat(tab, model, chat)), *labels


def _slider(number: int, chosen: Any) -> dict[str, Any]:
    """One of `number` places, from 0."""
    update: dict[str, Any] = gr.update(maximum=number - 1)
    there = isinstance(chosen, int | float) and 0 <= chosen < number
    return update if there else update | {"value": number - 1}


def _fitting_chat(
    tab: Tab, model: MistralCausalLM | None, shown: Any
) -> dict[str, Any]:
    """Empty and closed for a model without the format; then as it was before.

    It is put back until the page shows it: an answer about the model before may arrive
    after the first about this one.
    """
    if model is not None and not has_chat_format(model):
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
