"""What happens on the page: run, stop, refresh."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import gradio as gr

from playground.controls import BY_NAME, CONTROLS
from playground.engine.engine import Engine
from playground.engine.events import Beams, Finished, Step
from playground.models import MistralCausalLM
from playground.session import Session
from playground.settings import GenerationSettings
from playground.web.components import read_value, sampler_in_words
from playground.web.model_card import model_card
from playground.web.pace import Pace
from playground.web.status import (
    STARTING,
    RunFacts,
    engine_status,
    fault_status,
    run_status,
)

CONTROLS_ON_PAGE = tuple(c for c in CONTROLS if c.name != "max_length")
KNOBS = tuple(c for c in CONTROLS_ON_PAGE if c.samplers)
"""The controls that only some samplers read."""

Updates = tuple[Any, ...]


class Tab:
    """One browser tab: its session and the number of its latest run.

    Gradio gives each tab a deep copy of the value that the page was built with; a copy
    of a `Tab` is a new one, with a session of its own.
    """

    def __init__(self, new_session: Callable[[], Session]) -> None:
        self.new_session = new_session
        self.session = new_session()
        self.session.record = True  # the text on the page tells how likely it was
        self.latest_run = 0

    def __deepcopy__(self, _memo: dict[int, Any]) -> "Tab":
        return Tab(self.new_session)

    def start(self) -> int:
        """End the run before, if any, and number the new one."""
        self.latest_run += 1  # first: what the run before says from now on is not drawn
        self.session.stop()
        return self.latest_run

    def end(self, run: int) -> None:
        """Run `run` is over, or nobody listens to it; a later one goes on."""
        if run == self.latest_run:
            self.session.stop()


class Handlers:
    """The page's functions over one engine: plain functions and generators."""

    def __init__(
        self,
        engine: Engine[MistralCausalLM],
        preset: str,
        max_new_tokens: int,
        new_session: Callable[[], Session],
    ) -> None:
        self.engine = engine
        self.preset = preset
        self.new_session = new_session
        # The limit of this page stands in for the general one, and must be given.
        self.max_new_tokens = replace(
            BY_NAME["max_new_tokens"], maximum=max_new_tokens, optional=False
        )
        self._open_tabs: WeakValueDictionary[str, Tab] = WeakValueDictionary()

    def card(self) -> str:
        """The line that says which model this is."""
        return model_card(Path(self.preset).name, self.engine.model)

    def refresh(self, tab: Tab) -> Updates:
        """Model card, status and timer, until the model is ready.

        From its first run on, a tab's status tells of its runs.
        """
        status = gr.skip() if tab.latest_run else engine_status(self.engine).value()
        waiting = self.engine.status.phase in ("loading", "compiling")
        return self.card(), status, gr.Timer(active=waiting)

    def run(
        self, tab: Tab, request: gr.Request, prompt: Any, *values: Any
    ) -> Iterator[Updates]:
        """Stream one run to output, status and Stop. It ends the tab's run before.

        `values` belong to `CONTROLS_ON_PAGE`, as the browser sent them.
        """
        self._open_tabs[str(request.session_hash)] = tab
        number = tab.start()
        try:
            yield gr.skip(), STARTING.value(), gr.Button(interactive=True)
            settings = self.settings_of(_without_hidden(values))
            yield from self._stream(tab, number, prompt, settings)
        except ValueError as fault:
            yield gr.skip(), fault_status(fault).value(), gr.Button(interactive=False)
        finally:
            tab.end(number)
        # When a run is over Gradio sends its last values once more, perhaps after those
        # of a later run; so the last ones must change nothing.
        yield gr.skip(), gr.skip(), gr.skip()

    def stop(self, tab: Tab) -> None:
        """End the tab's run; the run itself then shows why it stopped."""
        tab.session.stop()

    def leave(self, request: gr.Request) -> None:
        """The tab was closed: free the model."""
        tab = self._open_tabs.pop(str(request.session_hash), None)
        if tab is not None:
            tab.session.stop()

    def _stream(
        self, tab: Tab, number: int, prompt: Any, settings: GenerationSettings
    ) -> Iterator[Updates]:
        session, pace = tab.session, Pace()
        facts = RunFacts(settings=settings, token_name=self._token_name)
        for event in session.generate(prompt, settings):
            if number != tab.latest_run:
                return  # a later run draws now
            if isinstance(event, Step | Beams):
                facts.new_tokens = event.index + 1
            if pace.is_due(event):
                facts.seed = session.seed
                live = not isinstance(event, Finished)
                status = run_status(event, facts).value()
                yield _text(session, live), status, gr.Button(interactive=live)

    def settings_of(self, values: dict[str, Any]) -> GenerationSettings:
        """What a browser or a program sent as settings; ValueError has the faults."""
        values = {
            name: read_value(BY_NAME[name], sent) for name, sent in values.items()
        }
        if fault := self.max_new_tokens.fault(values["max_new_tokens"]):
            raise ValueError(fault)
        return GenerationSettings(**values)

    def _token_name(self, token_id: int) -> str:
        model = self.engine.model
        assert model is not None, "only a loaded model makes tokens"
        return str(model.text_preprocessor.tokenizer.id_to_token(token_id))


def knobs_for(sampler: str) -> Updates:
    """What the sampler does, and which of its knobs show."""
    shown = [gr.update(visible=control.acts_on(sampler)) for control in KNOBS]
    chains = gr.update(visible=sampler == "chain")
    return gr.update(info=sampler_in_words(sampler)), chains, *shown


def _without_hidden(values: tuple[Any, ...]) -> dict[str, Any]:
    """The page's values by name; a knob that is not shown has its default."""
    sent = {c.name: v for c, v in zip(CONTROLS_ON_PAGE, values, strict=True)}
    for control in CONTROLS_ON_PAGE:
        if not control.acts_on(sent["sampler"]):
            sent[control.name] = control.default
    return sent


def _text(session: Session, live: bool) -> dict[str, Any]:
    """What assets/output.js draws."""
    return {"prompt": session.prompt_text, "text": session.shown_text, "live": live}
