"""One browser tab."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.interface.examples import StoredAnswer, stored_answer
from playground.interface.explorer import TABS, Explorer, Focus
from playground.interface.form import Example
from playground.interface.latest import Latest
from playground.interface.run_loop import RunLoop
from playground.interface.span_stream import SpanStream
from playground.interface.status import Status, fault_status
from playground.session import Session
from playground.session.comparison import Comparison
from playground.views.comparison import ComparisonView
from playground.web.offered_models import OfferedModels, split_name


@dataclass(frozen=True)
class Desk:
    """A session with one model, and what looks at it."""

    session: Session
    explorer: Explorer


class Tab:
    """One browser tab: its sessions, its runs, and what it looks at.

    Each model has a session of its own, so that going back to one finds its answers.
    Gradio gives each tab a deep copy of the value that the page was built with; a copy
    of a `Tab` is a new one, with nothing in it. Its functions may run side by side.
    """

    def __init__(self, offered: OfferedModels) -> None:
        self.offered = offered
        self.model = offered.first
        self.runs = RunLoop()
        self.questions = Latest()
        """What the open tab was asked; only the last one is answered."""
        self.files = Latest()
        """Each file that is asked for; a new number is a new file to the browser."""
        self.kept_chat: bool | None = None
        """What stood in the chat format's box before a model without one came."""
        self.opened = TABS[0]
        self.focus: Focus | None = None
        """The token that the tabs show and the text rings; None is the last one."""
        self.choices = 0
        """The number of the latest token that was chosen in the browser."""
        self.comparison: Comparison | None = None
        """The one that goes on."""
        self.compared: ComparisonView | None = None
        """What its tab shows."""
        self.drawn = SpanStream()
        self._desks: dict[str, Desk] = {}
        self._examples: dict[tuple[str, str], int] = {}
        self._changing = threading.Lock()

    def __deepcopy__(self, _memo: dict[int, Any]) -> "Tab":
        return Tab(self.offered)

    @property
    def session(self) -> Session:
        """That of the model in use."""
        return self._desk.session

    @property
    def explorer(self) -> Explorer:
        return self._desk.explorer

    @property
    def explorers(self) -> list[Explorer]:
        """Those of all models that were in use."""
        return [desk.explorer for desk in list(self._desks.values())]

    @property
    def _desk(self) -> Desk:
        model = self.model
        with self._changing:
            if model not in self._desks:
                # The text on the page tells how likely each token was.
                session = Session(self.offered.engine(model), record=True)
                self._desks[model] = Desk(session, Explorer(session))
            return self._desks[model]

    @property
    def link_name(self) -> str:
        """What a link calls the model in use: its preset's name, if that is enough."""
        preset = split_name(self.model)[0]
        names = [name for name in self.offered.names if split_name(name)[0] == preset]
        return Path(preset if names[0] == self.model else self.model).name

    def choose(self, model: str) -> None:
        """Use another model; the run that goes on stops. ValueError: not offered.

        One that could not be loaded is tried again.
        """
        engine = self.offered.engine(model)
        if engine.status.phase == "failed":
            engine.try_again()
        self.start()
        self.model = model

    def choose_by_link(self, preset: str) -> bool:
        """Use the model that a link names, if this page offers one of that name."""
        for name in self.offered.names:
            if preset in (name, Path(name).name, split_name(name)[0]):
                if name != self.model:
                    self.choose(name)
                return True
        return False

    def stored_answer(self, example: Example) -> StoredAnswer | None:
        """What the model in use has written to an example, if that is stored."""
        return stored_answer(Path(self.model).name, example)

    def show_example(self, label: str, answer: StoredAnswer) -> None:
        """Show the stored answer to an example; it is one run of the session."""
        place, session = (self.model, label), self.session
        with self._changing:
            if place not in self._examples:
                added = session.tree.add(answer.copy_of_run())
                self._examples[place] = added.number
        session.show(self._examples[place])

    def start(self) -> int:
        """End the run before, if any; the number of the one that may follow."""
        number = self.runs.end(self.session)
        self.questions.begin()  # nor is what was asked about its tokens answered
        self.focus = None
        self._stop_comparison()
        return number

    def refuse(self, fault: ValueError) -> Status:
        """A status with the words of `fault`, which stay while a model still loads."""
        self.runs.told = True
        return fault_status(fault)

    def stop(self) -> None:
        """End what this tab has running; the texts made so far stay."""
        self.session.stop()
        self._stop_comparison()

    def leave(self) -> None:
        """The browser tab was closed, or lost its connection."""
        self.questions.begin()  # what is read for its open tab ends
        self.stop()
        for explorer in self.explorers:
            explorer.forget()

    def _stop_comparison(self) -> None:
        if (comparison := self.comparison) is not None:
            comparison.stop()
