"""The sampler lab: each stage of a chain as bars, all samplers as one table."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from playground.plots.drawing import draw
from playground.plots.lettering import printable
from playground.plots.marks import key, no_frame, swatch
from playground.plots.style import Style
from playground.views.amounts import percent, tokens
from playground.views.sampler_lab import SamplerLabView
from playground.views.sampler_table import SamplerTableView

IN_A_LINE, IN_A_LINE_NARROW = 7, 3
HEAD = 3.4  # rows that a stage's name takes
BAR = 0.5  # the longest bar, in columns
ROWS_NARROW = 10
TOKENS, TOKENS_NARROW = 14, 6


@draw.register
def draw_sampler_lab(view: SamplerLabView, figure: Figure, style: Style) -> str:
    """A column of bars for each stage, in as many lines of columns as it takes."""
    across = min(IN_A_LINE_NARROW if style.narrow else IN_A_LINE, len(view.stages))
    names = [printable(label, limit=12) for label in view.labels]
    names = names[:ROWS_NARROW] if style.narrow else names
    lines, rows = -(-len(view.stages) // across), len(names) + HEAD
    figure.set_figheight(1.0 + 0.18 * lines * rows)
    axes = figure.subplots()
    for n in range(len(view.stages)):
        line, column = divmod(n, across)
        _draw_stage(axes, view, n, len(names), (column, line * rows + HEAD), style)
    places = [
        line * rows + HEAD + n for line in range(lines) for n in range(len(names))
    ]
    axes.set_yticks(places, names * lines)
    axes.set(xlim=(0, across), ylim=(lines * rows - 0.4, 0), xticks=[])
    no_frame(axes)
    swatches = [
        swatch("probability at this stage", style.accent, style),
        swatch("dropped: what the model gave it", style.line, style),
    ]
    if view.pick is not None:
        swatches.append(swatch("drawn with this seed", style.warm, style))
    key(figure, swatches, style)
    last = view.stages[-1]
    drawn = view.pick_label or "nothing"
    return (
        f"Left at the end: {last.tokens:,} of {tokens(view.stages[0].tokens)} with "
        f"{percent(last.kept)} of the model's probability. New token {view.draw:,}, "
        f"drawn with seed {view.seed}: {drawn}."
    )


def _draw_stage(
    axes: Axes,
    view: SamplerLabView,
    n: int,
    rows: int,
    place: tuple[float, float],
    style: Style,
) -> None:
    """The first `rows` tokens, in the column that begins at (x, y) under its name."""
    (x, y), stage = place, view.stages[n]
    now, at = stage.probabilities[:rows], y + np.arange(rows)
    gone = now == 0
    just = gone & (view.stages[max(n - 1, 0)].probabilities[:rows] > 0)
    highest = max(float(each.probabilities.max()) for each in view.stages)
    widths = np.where(gone, view.stages[0].probabilities[:rows], now) * (BAR / highest)
    colors = [style.line if each else style.accent for each in gone]
    if view.pick is not None and view.pick < rows:
        colors[view.pick] = style.warm
    axes.barh(at, widths, left=x, color=colors, height=0.8)
    axes.plot((x, x), (y - 0.5, at[-1] + 0.5), color=style.line, lw=0.8)
    for row, width in enumerate(widths.tolist()):
        words = _words(float(now[row]), bool(just[row]))
        text = axes.text(x + width + 0.03, y + row, words, size=style.small - 1)
        text.set(color=style.muted if gone[row] else style.ink)
        text.set(va="center", in_layout=False)
    head = f"{stage.stage}\n{stage.tokens:,} left\n{percent(stage.kept)}"
    axes.text(x, y - 0.8, head, size=style.small, color=style.ink, va="bottom")


def _words(probability: float, is_dropped_here: bool) -> str:
    if probability:
        return percent(probability)
    return "dropped" if is_dropped_here else ""


@draw.register
def draw_sampler_table(view: SamplerTableView, figure: Figure, style: Style) -> str:
    """A row for each sampler, a column for each of the likeliest tokens."""
    shown = min(TOKENS_NARROW if style.narrow else TOKENS, len(view.labels))
    rows = len(view.picks)
    figure.set_figheight(2.8 + 0.25 * rows if style.narrow else 2.0 + 0.31 * rows)
    axes = figure.subplots()
    shares = np.stack([pick.probabilities[:shown] for pick in view.picks])
    rest = np.clip(1 - shares.sum(1), 0, 1)
    shares = np.column_stack([shares, np.where(rest < 1e-5, 0, rest)])
    axes.imshow(shares, cmap=style.ramp, vmin=0, vmax=1, aspect="auto")
    for row, pick in enumerate(view.picks):
        ids = view.token_ids[:shown]
        drawn = ids.index(pick.token_id) if pick.token_id in ids else shown
        for column in range(shown + 1):
            share = float(shares[row, column])
            _draw_share(axes, row, column, share, drawn == column, style)
    names = [printable(label, limit=10) for label in view.labels[:shown]]
    axes.set_xticks(range(shown + 1), [*names, "others"], rotation=90)
    axes.xaxis.tick_top()
    axes.set_yticks(range(rows), [_name(view, n, style) for n in range(rows)])
    no_frame(axes)
    swatches = [
        swatch("probability 0", style.paper, style),
        swatch("0.5", to_hex(style.ramp(0.5)), style),
        swatch("1", to_hex(style.ramp(1.0)), style),
        swatch("framed: drawn with this seed", style.warm, style),
    ]
    key(figure, swatches, style)
    return f"Cells: what each sampler gives to each token, in percent. {view.words()}"


def _draw_share(
    axes: Axes, row: int, column: int, share: float, is_drawn: bool, style: Style
) -> None:
    if share:
        number = f"{share:.0%}"[:-1] if share >= 0.005 else "<1"
        ink = style.over(style.ramp(share))
    else:
        number, ink = "·", style.muted
    text = axes.text(column, row, number, size=style.small, color=ink)
    text.set(ha="center", va="center", in_layout=False)
    if is_drawn:
        across = np.array([-0.46, 0.46, 0.46, -0.46, -0.46]) + column
        down = np.array([-0.44, -0.44, 0.44, 0.44, -0.44]) + row
        axes.plot(across, down, color=style.warm, lw=2)


def _name(view: SamplerTableView, n: int, style: Style) -> str:
    pick = view.picks[n]
    if style.narrow:
        return f"{pick.name}: {pick.tokens:,} kept"
    settings = printable(pick.settings, limit=46)
    return f"{pick.name}: {pick.tokens:,} kept\n{settings}"
