"""One browser tab."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.hosts.explorer import TABS, Explorer, Focus
from playground.hosts.span_stream import SpanStream
from playground.hosts.status import fault_status
from playground.session import Session
from playground.session.comparison import Comparison
from playground.views.comparison import ComparisonView
from playground.web.offer import Offer, split_name


@dataclass(frozen=True)
class Desk:
    """A session with one model, and what looks at it."""

    session: Session
    explorer: Explorer


class Tab:
    """One browser tab: its sessions, the number of its latest run, what it looks at.

    Each model has a session of its own, so that going back to one finds its answers.
    Gradio gives each tab a deep copy of the value that the page was built with; a copy
    of a `Tab` is a new one, with nothing in it.
    """

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self._desks: dict[str, Desk] = {}
        self.model = offer.first
        self.latest_run = 0
        self.questions = 0
        """How many the open tab was asked; only the last one is answered."""
        self.examples: dict[tuple[str, str], int] = {}
        """Of each model and example, which run of its session the stored answer is."""
        self.kept_chat: bool | None = None
        """What stood in the chat format's box before a model without one came."""
        self.told = False
        """Whether the status says something that has to be read first."""
        self.files = 0
        """How many were asked for; each new number is a new file to the browser."""
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

    def __deepcopy__(self, _memo: dict[int, Any]) -> "Tab":
        return Tab(self.offer)

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
        if self.model not in self._desks:
            # The text on the page tells how likely each token was.
            session = Session(self.offer.engine(self.model), record=True)
            self._desks[self.model] = Desk(session, Explorer(session))
        return self._desks[self.model]

    @property
    def link_name(self) -> str:
        """What a link calls the model in use: its preset's name, if that is enough."""
        preset = split_name(self.model)[0]
        names = [name for name in self.offer.names if split_name(name)[0] == preset]
        return Path(preset if names[0] == self.model else self.model).name

    def choose(self, model: str) -> None:
        """Use another model; the run that goes on stops. ValueError: not offered.

        One that could not be loaded is tried again.
        """
        engine = self.offer.engine(model)
        if engine.status.phase == "failed":
            engine.try_again()
        self.start()
        self.model = model

    def choose_by_link(self, preset: str) -> bool:
        """Use the model that a link names, if this page offers one of that name."""
        for name in self.offer.names:
            if preset in (name, Path(name).name, split_name(name)[0]):
                if name != self.model:
                    self.choose(name)
                return True
        return False

    def start(self) -> int:
        """End the run before, if any, and number the new one."""
        self.latest_run += 1  # first: what the run before says from now on is not drawn
        self.questions += 1  # nor is what was asked about its tokens
        self.focus, self.told = None, False
        self.stop()
        return self.latest_run

    def refuse(self, fault: ValueError) -> dict[str, Any]:
        """A status with the words of `fault`, which stay while a model still loads."""
        self.told = True
        return fault_status(fault).value()

    def stop(self) -> None:
        """End what this tab has running; the texts made so far stay."""
        self.session.stop()
        if self.comparison is not None:
            self.comparison.stop()

    def leave(self) -> None:
        """Nobody looks at it any more."""
        self.questions += 1  # what is read for its open tab ends
        self.stop()
        for explorer in self.explorers:
            explorer.forget()

    def end(self, run: int) -> None:
        """Run `run` is over, or nobody listens to it; a later one goes on."""
        if run == self.latest_run:
            self.session.stop()
