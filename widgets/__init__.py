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

from widgets.comparison import Comparison
from widgets.figures import (
    show_attention,
    show_candidates,
    show_comparison,
    show_head_groups,
    show_head_kinds,
    show_keys,
    show_logit_lens,
    show_mask,
    show_mass_cut,
    show_memory,
    show_reach,
    show_ring,
    show_rollout,
    show_ruler,
    show_salience,
    show_sampler_lab,
    show_samplers,
    show_tokens,
    show_windows,
)
from widgets.panel import PlaygroundPanel
from widgets.panes import (
    AttentionViewer,
    Cache,
    Candidates,
    SamplerLab,
    Tokens,
    WindowExplorer,
)
from widgets.run import Run, Token, generate
from widgets.shown import Shown, show

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
    "show_attention",
    "show_candidates",
    "show_comparison",
    "show_head_groups",
    "show_head_kinds",
    "show_keys",
    "show_logit_lens",
    "show_mask",
    "show_mass_cut",
    "show_memory",
    "show_reach",
    "show_ring",
    "show_rollout",
    "show_ruler",
    "show_salience",
    "show_sampler_lab",
    "show_samplers",
    "show_tokens",
    "show_windows",
]
