"""Pictures of views: Matplotlib only, from `Figure`, never pyplot.

    figure(view, dark=True)                     a Figure, to show or to change
    picture(view, "svg", settings=settings)     the bytes of a file, with alt text

Each file draws one kind of picture and registers its views with `draw`.
"""

from playground.plots import (  # noqa: F401
    attention,
    band_mask,
    beam_tree,
    candidates,
    comparison,
    contrastive,
    heads,
    key_similarity,
    logit_lens,
    memory,
    reach,
    ring,
    rollout,
    salience,
    sampler_lab,
    token_spans,
    what_if,
    window_ruler,
)
from playground.plots.drawing import FileFormat, draw, figure, picture

__all__ = ["FileFormat", "draw", "figure", "picture"]
