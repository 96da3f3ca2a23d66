"""Salience: up what speaks for a token, down and hatched what speaks against it."""

import numpy as np
from matplotlib.figure import Figure

from playground.plots.drawing import draw
from playground.plots.lettering import printable
from playground.plots.marks import key, letter, swatch, token_ticks
from playground.plots.style import Style
from playground.views.amounts import bits
from playground.views.salience import SalienceView


@draw.register
def draw_salience(view: SalienceView, figure: Figure, style: Style) -> str:
    """A bar for each token that the probability can depend on."""
    figure.set_figheight(3.9 if style.narrow else 3.6)
    axes = figure.subplots()
    number, amounts = len(view.labels), bits(view.gradient_times_input)
    at = np.arange(number)
    sides = ((amounts > 0, style.accent, ""), (amounts < 0, style.warm, "///"))
    for side, color, hatch in sides:
        bars = axes.bar(at[side], amounts[side], width=0.85, color=color)
        for bar in bars:
            bar.set(hatch=hatch, edgecolor=style.paper, linewidth=0)
    axes.axhline(0, color=style.muted, lw=0.8)
    seen_from = view.position - view.sliding_window + 0.5
    if seen_from > 0:
        axes.axvline(seen_from, color=style.ink, lw=1.0, ls="--")
        across = axes.get_xaxis_transform()
        place = (seen_from, 0.97)
        words = " the window begins "
        right = seen_from > number / 2
        side_of = "right" if right else "left"
        letter(axes, place, words, style, ha=side_of, va="top", transform=across)
    axes.set(xlim=(-0.6, number - 0.4), ylabel="gradient times input (bits)")
    fits = token_ticks(axes.xaxis, view.labels, style, 22 if style.narrow else 56)
    axes.set_xlabel("" if fits else "position (tokens)")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    entries = [
        swatch(f"speaks for “{printable(view.token_label)}”", style.accent, style),
        swatch("speaks against it", style.warm, style, hatch="//////"),
    ]
    key(figure, entries, style)
    return view.words()
