"""The logit lens: a table of guesses, one row a layer, as sure as they are dark."""

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from playground.plots.drawing import draw
from playground.plots.heat import field, scale
from playground.plots.lettering import printable
from playground.plots.marks import letter
from playground.plots.style import Style
from playground.views.logit_lens import EMBEDDINGS, LogitLensView

MOST_POSITIONS, MOST_POSITIONS_NARROW = 8, 3  # the last ones


@draw.register
def draw_logit_lens(view: LogitLensView, figure: Figure, style: Style) -> str:
    """In each field the likeliest next token; a frame where it is what came."""
    most = MOST_POSITIONS_NARROW if style.narrow else MOST_POSITIONS
    first = max(0, len(view.positions) - most)
    columns = range(first, len(view.positions))
    figure.set_figheight(1.9 + 0.19 * len(view.layers))
    axes = figure.subplots()
    chances = view.top_probabilities[:, first:, 0]
    image = field(axes, chances, style, Normalize(0, 1))
    for row, column in np.ndindex(chances.shape):
        right = view.target_rank[row, first + column] == 1
        letter(
            axes,
            (column, row),
            printable(view.top_labels[row][first + column][0], 11),
            style,
            color=style.over(style.tint(float(chances[row, column]))),
            weight="bold" if right else "normal",
        )
    axes.set_xticks(
        range(len(columns)),
        [f"{view.positions[n]}\n{printable(view.labels[n], 11)}" for n in columns],
    )
    names = ["embedding" if n == EMBEDDINGS else f"{n}" for n in view.layers]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel="after position, token", ylabel="layer")
    axes.tick_params(length=0)
    scale(figure, image, axes, "probability", style)
    return f"{view.words()} Bold: what really follows."
