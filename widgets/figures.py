"""What can be seen of a run, as plain functions: no panel needed.

    run = generate("smollm2_135m_instruct", "The sea is", max_new_tokens=20)
    show_attention(run, layer=3)

Each view of `playground.views.registry` has one, with `show_` before its name. It gives
back a `Shown`: its picture is the value of a cell, `.view` has the numbers. Layers,
heads and tokens count from 0, as everywhere in Python. `index` is a new token, -1 the
last one, `position` one of prompt and answer together. `sliding_window` reads the text
under another window than the run's. ValueError says what there is, where something is
not there.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from playground.views.declaration import Declaration
from playground.views.registry import VIEWS
from widgets.picture import Shown
from widgets.run import Run

PREFIX = "show_"


def names() -> list[str]:
    """Those of all functions."""
    return [PREFIX + name for name in VIEWS]


def __getattr__(name: str) -> Callable[..., Shown]:
    view = VIEWS.get(name.removeprefix(PREFIX))
    if view is None or not name.startswith(PREFIX):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    function = _function(view)
    globals()[name] = function
    return function


def _function(view: Declaration) -> Callable[..., Shown]:
    """With the words of the view, and the parameters that it takes beside the run."""

    def show_one(run: Run, *arguments: Any, **chosen: Any) -> Shown:
        return Shown(run.explorer.view(view.name, *arguments, **chosen))

    def show_several(runs: Sequence[Run]) -> Shown:
        return Shown(view.make([run.explorer.subject for run in runs]))

    function: Any = show_several if view.is_of_several_runs else show_one
    of, *_ = inspect.signature(function).parameters.values()
    function.__signature__ = inspect.Signature(
        [of, *view.parameters.values()], return_annotation=Shown
    )
    function.__name__ = function.__qualname__ = PREFIX + view.name
    function.__doc__ = inspect.getdoc(view.make)
    shown: Callable[..., Shown] = function
    return shown
