"""The playground in a notebook: a panel, smaller widgets, and pictures of runs.

    from widgets import PlaygroundPanel
    PlaygroundPanel()

Made of ipywidgets alone, so it works in JupyterLab, Notebook 7, VS Code, Colab and
Voilà, without a network.
"""

try:
    import IPython as _IPython  # noqa: F401
    import ipywidgets
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "The panel needs ipywidgets: pip install 'mistral-playground[notebook]'",
        name=missing.name,
    ) from missing

if int(ipywidgets.__version__.split(".")[0]) < 8:
    raise ImportError(
        f"The panel needs ipywidgets 8, this is {ipywidgets.__version__}. "
        "Run `%pip install --upgrade ipywidgets` in a cell, then restart the kernel."
    )

from collections.abc import Callable

from widgets import figures
from widgets.comparison import Comparison
from widgets.panel import PlaygroundPanel
from widgets.picture import Shown, show
from widgets.run import Run, Token, generate
from widgets.tabs import (
    AttentionViewer,
    Cache,
    Candidates,
    SamplerLab,
    Tokens,
    WindowExplorer,
)

__all__ = [
    "AttentionViewer",
    "Cache",
    "Candidates",
    "Comparison",
    "PlaygroundPanel",
    "Run",
    "SamplerLab",
    "Shown",
    "Token",
    "Tokens",
    "WindowExplorer",
    "generate",
    "show",
]
__all__ += figures.names()


def __getattr__(name: str) -> Callable[..., Shown]:
    """The `show_` functions."""
    function: Callable[..., Shown] = getattr(figures, name)
    return function


def __dir__() -> list[str]:
    return sorted({*__all__, *figures.names()})
