"""Numbers as a field of colours: the darker on white, the brighter on black, the more.

Shares are spread by their square root, since most of a head's attention is on a few
tokens and the rest would be invisible; the bar beside says which colour is which.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from playground.plots.style import Style


def field(
    axes: Axes, values: np.ndarray, style: Style, norm: Normalize, **options: Any
) -> AxesImage:
    """`values` [rows, columns] as an image, NaN as the paper, row 0 on top."""
    axes.set_anchor("N")
    shown = np.ma.masked_invalid(values)
    look = {"interpolation": "nearest", "aspect": "auto", "cmap": style.ramp, **options}
    return axes.imshow(shown, norm=norm, **look)


def shares(highest: float = 1.0) -> PowerNorm:
    """Colours of shares from 0 to `highest`, by their square root."""
    return PowerNorm(0.5, vmin=0, vmax=max(highest, 1e-6))


def scale(
    figure: Figure, image: ScalarMappable, axes: Any, words: str, style: Style
) -> None:
    """The bar that says which colour is which number."""
    below = style.narrow
    bar = figure.colorbar(
        image,
        ax=axes,
        location="bottom" if below else "right",
        aspect=30,
        pad=0.02,
        shrink=0.9 if below else 0.8,
    )
    bar.set_label(words, size=style.small, color=style.muted)
    bar.outline.set_visible(False)
