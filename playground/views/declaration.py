"""How a view is declared, once for page, panel, notebooks, gallery and documents.

`registry.py` has them all, each by the function that makes it:

    @view("Heads", "Rollout")
    def rollout(subject: Subject, position: int = -1) -> View:
        '''Where all layers together look.

        From the bottom up: layer after layer the token takes in what is further back.
        '''

The function's name is the view's. Its docstring says in the first line what is shown,
then how to read it, then what is chosen. Its parameters are what the view needs to be
told: `layer`, `head`, `position` or `index` of a token, `sliding_window`, `score`,
`**settings`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from playground.views.view import View

HINTS = {
    "Candidates": "What the model could have said here. Take another, and it goes on.",
    "Sampler lab": "Move the sampler's knobs: the picture follows, nothing is run.",
    "Window": "What the attention window lets the model see of this text.",
    "Heads": "Attention shows where a head reads, not why the model says what it says.",
    "Cache": "Where keys and values of this text lie in memory.",
    "Compare": "The same prompt and seed through several samplers, at once.",
    "Tokens": "All tokens with their numbers, and how a stop text is written in them.",
}
"""The tabs that hold views, in the order in which a host shows them."""


@dataclass(frozen=True)
class Declaration:
    """A kind of view: where it stands, how to read it, and the function that makes it.

    The views of a `tab` are shown together, or if they have a `choice`, one of them.
    Without a tab a view is shown in another one's place. `heads` says what a view's
    heads are.
    """

    make: Callable[..., View]
    tab: str
    choice: str = ""
    heads: str = "Head"

    @property
    def name(self) -> str:
        return self.make.__name__

    @property
    def words(self) -> str:
        """What it shows, in a line."""
        return self._paragraphs[0]

    @property
    def how_to_read(self) -> str:
        return self._paragraphs[1]

    @property
    def _paragraphs(self) -> list[str]:
        documented = inspect.getdoc(self.make) or ""
        return [" ".join(each.split()) for each in documented.split("\n\n")]

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """What can be chosen of it: all but the run or the runs that it is of."""
        _, *chosen = inspect.signature(self.make).parameters.items()
        return dict(chosen)

    @property
    def is_of_several_runs(self) -> bool:
        return "subjects" in inspect.signature(self.make).parameters

    def takes(self, name: str) -> bool:
        """Whether it has such a parameter."""
        return name in self.parameters


VIEWS: dict[str, Declaration] = {}
"""All views by their names, in the order of their declarations."""

Make = TypeVar("Make", bound=Callable[..., View])


def view(tab: str, choice: str = "", heads: str = "Head") -> Callable[[Make], Make]:
    """Declare the view that the decorated function makes of a `Subject`."""

    def declare(make: Make) -> Make:
        VIEWS[make.__name__] = Declaration(make, tab, choice, heads)
        return make

    return declare


def in_tab(tab: str) -> list[Declaration]:
    """The views of one tab."""
    return [each for each in VIEWS.values() if each.tab == tab]


def choices_of(tab: str) -> dict[str, Declaration]:
    """The views of a tab that shows one of them at a time, by what is chosen."""
    return {each.choice: each for each in in_tab(tab) if each.choice}
