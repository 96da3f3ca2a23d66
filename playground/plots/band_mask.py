"""The band mask: queries down, keys across, as in the formula."""

from collections.abc import Iterator

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon

from playground.plots.drawing import draw
from playground.plots.marks import key, letter, swatch, token_ticks
from playground.plots.style import Style
from playground.views.band_mask import BandMaskView

MOST_CHUNKS = 12  # whose beginnings are marked


@draw.register
def draw_band_mask(view: BandMaskView, figure: Figure, style: Style) -> str:
    """A square of all pairs; what a shorter window would hide is hatched."""
    figure.set_figheight(4.9 if style.narrow else 6.0)
    axes = figure.subplots()
    end = view.num_tokens - 0.5
    rounded = len(view.full) * view.block - 0.5  # the last block may be part empty
    axes.imshow(
        _colors(view, style),
        extent=(-0.5, rounded, rounded, -0.5),
        interpolation="nearest",
    )
    axes.set(xlim=(-0.5, end), ylim=(end, -0.5))
    axes.set(xlabel="key: the token that is looked at", ylabel="query: who looks")
    if view.shorter is not None:
        _hatch_hidden(axes, view, style)
    _mark_phases(axes, view, style)
    most = 16 if style.narrow else 48
    token_ticks(axes.xaxis, view.labels, style, most)
    token_ticks(axes.yaxis, view.labels, style, most)
    key(figure, list(_key(view, style)), style)
    return view.window.state(view.num_tokens)


def _colors(view: BandMaskView, style: Style) -> np.ndarray:
    """A block's colour: the mix of its pairs' colours, [R, R, 3]."""
    total = np.maximum(view.full, 1)[..., None]
    shares = (view.seen - view.hidden, view.hidden, view.full - view.seen)
    colors = (style.accent, style.warm, style.faint)
    mixed = sum(
        share[..., None] / total * to_rgb(color)
        for share, color in zip(shares, colors, strict=True)
    )
    return np.where(view.full[..., None] > 0, mixed, to_rgb(style.paper))


def _hatch_hidden(axes: Axes, view: BandMaskView, style: Style) -> None:
    """Hatch the band between the two windows, so that it is not colour alone."""
    assert view.shorter is not None
    wide, end = view.window.size or view.num_tokens, view.num_tokens - 0.5
    corners = [
        (-0.5, view.shorter - 0.5),
        (-0.5, min(wide - 0.5, end)),
        (max(-0.5, end - wide), end),
        (end - view.shorter, end),
    ]
    axes.add_patch(
        Polygon(corners, fill=False, hatch="////", edgecolor=style.paper, lw=0)
    )


def _mark_phases(axes: Axes, view: BandMaskView, style: Style) -> None:
    """Where the prompt ends, and its chunks begin, at the right side."""
    across = axes.get_yaxis_transform()  # x in parts of the axes, y in tokens
    for first in view.chunks[1:] if len(view.chunks) <= MOST_CHUNKS else ():
        line = Line2D((0, 1), (first - 0.5,) * 2, color=style.muted, lw=0.8, ls=":")
        line.set_transform(across)
        axes.add_line(line)
    if 0 < view.num_prompt < view.num_tokens:
        axes.axhline(view.num_prompt - 0.5, color=style.ink, lw=1.2, ls="--")
    phases = (
        ("prefill", "prefill: the prompt, in chunks", 0, view.num_prompt),
        ("decode", "decode: one by one", view.num_prompt, view.num_tokens),
    )
    for name, words, first, last in phases:
        share = (last - first) / view.num_tokens
        if share > len(words) / 70:
            name = words
        if share > 1 / 12:
            middle = (first + last - 1) / 2
            side = {"transform": across, "rotation": 270, "ha": "left"}
            letter(axes, (1.02, middle), name, style, **side)


def _key(view: BandMaskView, style: Style) -> Iterator[Artist]:
    yield swatch("seen", style.accent, style)
    if view.shorter is not None:
        what = f"a window of {view.shorter:,} would hide it"
        yield swatch(what, style.warm, style, hatch="//////")
    if (view.full > view.seen).any():
        yield swatch("outside the window", style.faint, style)
    if 0 < view.num_prompt < view.num_tokens:
        yield Line2D(
            [], [], color=style.ink, lw=1.2, ls="--", label="the answer begins"
        )
    if 1 < len(view.chunks) <= MOST_CHUNKS:
        yield Line2D([], [], color=style.muted, lw=0.8, ls=":", label="a chunk begins")
