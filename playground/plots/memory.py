"""What the cache takes: one bar a way of keeping the text."""

from matplotlib.figure import Figure

from playground.plots.drawing import draw
from playground.plots.marks import letter
from playground.plots.style import Style
from playground.views.memory import MemoryView, in_words


@draw.register
def draw_memory(view: MemoryView, figure: Figure, style: Style) -> None:
    """Bars in megabytes; this run's is filled, the others are hatched."""
    count = len(view.sizes)
    figure.set_figheight(0.9 + 0.72 * count)
    axes = figure.subplots()
    most = max(size.num_bytes for size in view.sizes)
    for row, size in enumerate(view.sizes):
        axes.barh(
            row,
            size.num_bytes / 1e6,
            height=0.36,
            color=style.accent if row == 0 else style.faint,
            edgecolor=style.accent,
            hatch="" if row == 0 else "///",
        )
        how = f"{size.slots:,} slots, {size.heads} heads, {size.dtype}"
        words = f"{size.what}: {in_words(size.num_bytes)}\n({how})"
        letter(axes, (0, row - 0.27), words, style, ha="left", va="bottom")
    axes.set(xlim=(0, most / 1e6 * 1.02), ylim=(count - 0.5, -0.85), yticks=[])
    axes.set_xlabel("megabytes (1,000,000 bytes)")
    axes.spines[["top", "right", "left"]].set_visible(False)
