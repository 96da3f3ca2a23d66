"""How alike keys or values are: a field with 0 in the middle of the colours."""

from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from playground.plots.drawing import draw
from playground.plots.heat import field, scale
from playground.plots.marks import token_ticks
from playground.plots.style import Style
from playground.views.key_similarity import KeySimilarityView


@draw.register
def draw_key_similarity(view: KeySimilarityView, figure: Figure, style: Style) -> str:
    """Each pair of tokens; the diagonal is a token with itself."""
    figure.set_figheight(4.9 if style.narrow else 5.8)
    axes = figure.subplots()
    both_sides = {"aspect": "equal", "cmap": style.diverging}
    image = field(axes, view.cosine, style, Normalize(-1, 1), **both_sides)
    most = 14 if style.narrow else 48
    token_ticks(axes.xaxis, view.labels, style, most)
    token_ticks(axes.yaxis, view.labels, style, most)
    scale(figure, image, axes, f"cosine of two {view.kind}", style)
    return view.words()
