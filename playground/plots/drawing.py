"""From a view to a figure, and from a figure to a file that says what it shows.

`draw` chooses by the view's type. A file of this folder adds one kind of picture with

    @draw.register
    def draw_ring(view: RingView, figure: Figure, style: Style) -> str | None: ...

which sets the height that it needs, and may give a sentence for under the title; the
width, the title, fonts and colours of axes are the same for all and set here.
"""

import io
import json
import math
import re
import textwrap
import threading
from collections.abc import Mapping
from functools import singledispatch
from typing import Any, Literal
from xml.sax.saxutils import escape

import matplotlib
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from playground.plots.lettering import printable
from playground.plots.style import PIXELS_PER_INCH, Style, dress, style_for
from playground.views.view import View

FileFormat = Literal["png", "svg"]
# Of Pillow's ways to choose colours the one that keeps pale and rare ones: median cut
# loses thin lines, the fast octree the small amounts next to the paper.
FAITHFUL, NO_DITHER = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Matplotlib's rcParams and font cache are shared by all threads.
_rendering = threading.RLock()


@singledispatch
def draw(view: Any, figure: Figure, style: Style) -> str | None:  # noqa: ARG001
    """Draw `view` into an empty figure, in one style. Raises TypeError if none can."""
    raise TypeError(f"No picture is known for a {type(view).__name__}.")


def figure(view: View, *, dark: bool = False, narrow: bool = False) -> Figure:
    """The picture of a view: 720 CSS pixels wide, or 360 for a phone."""
    style = style_for(dark=dark, narrow=narrow)
    made = Figure(figsize=(style.width, style.width / 2), layout="constrained")
    made.set_facecolor(style.paper)
    with _rendering:
        below = draw(view, made, style)
        _title(made, view.title, below or "", style)
        dress(made, style)
    return made


def _title(made: Figure, title: str, below: str, style: Style) -> None:
    """The title in bold, and what is said under it, in room that it keeps free."""
    size, left = style.title_size, 0.05 / style.width
    lines = textwrap.wrap(printable(title, limit=200), style.characters(size * 1.1))
    under = textwrap.wrap(printable(below, limit=400), style.characters(style.size))
    room = math.ceil(len(under) * style.size / size)
    kept_free = "\n".join([*lines, *[""] * room])
    made.suptitle(kept_free, x=left, ha="left", weight="bold", size=size)
    top = 1 - (4 + 1.25 * size * len(lines)) / 72 / made.get_figheight()
    words = "\n".join(under)
    made.text(left, top, words, size=style.size, color=style.muted, va="top")


def picture(
    view: View,
    file_format: FileFormat = "png",
    *,
    dark: bool = False,
    narrow: bool = False,
    settings: Mapping[str, Any] | None = None,
    scale: float = 2.0,
) -> bytes:
    """The picture as a file, the same bytes for the same view.

    It carries the view's title, its words and `settings` as JSON: text chunks in a PNG,
    <title>, <desc> and <metadata> in an SVG. `scale` is a PNG's pixels for each CSS
    pixel.
    """
    if file_format not in ("png", "svg"):
        raise ValueError(f"A picture is a png or an svg, not {file_format!r}.")
    with _rendering:
        made = figure(view, dark=dark, narrow=narrow)
        if file_format == "png":
            return _png(made, view, settings, scale)
        return _svg(made, view, settings)


def _png(
    made: Figure, view: View, settings: Mapping[str, Any] | None, scale: float
) -> bytes:
    """In 256 colours: a third of the bytes, and no colour is 5% off."""
    drawn, file = io.BytesIO(), io.BytesIO()
    dpi = PIXELS_PER_INCH * scale
    made.savefig(drawn, format="png", dpi=dpi, pil_kwargs={"compress_level": 0})
    about = PngInfo()
    about.add_text("Title", _clean(view.title))
    about.add_text("Description", _clean(view.words()))
    if settings is not None:
        about.add_text("Settings", json.dumps(settings))
    with Image.open(drawn) as image:
        reduced = image.convert("RGB").quantize(256, FAITHFUL, dither=NO_DITHER)
    reduced.save(file, "PNG", pnginfo=about, optimize=True)
    return file.getvalue()


def _svg(made: Figure, view: View, settings: Mapping[str, Any] | None) -> bytes:
    file = io.StringIO()
    before = matplotlib.rcParams["svg.hashsalt"]
    matplotlib.rcParams["svg.hashsalt"] = "playground"  # else ids are random
    try:
        unset = {"Date": None, "Creator": None, "Format": None, "Type": None}
        about = {**unset, "Title": _clean(view.title)}
        if settings is not None:
            about["Source"] = json.dumps(settings)
        made.savefig(file, format="svg", metadata=about)
    finally:
        matplotlib.rcParams["svg.hashsalt"] = before
    described = f"</title>\n <desc>{escape(_clean(view.words()))}</desc>"
    return file.getvalue().replace("</title>", described, 1).encode()


def _clean(text: str) -> str:
    """Without the characters that XML and PNG text do not have."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
