"""Token text that is safe to letter: the font has it, and it stays what it is.

Text of a model is anybody's: it may hold `$` (mathematics to Matplotlib), control and
direction characters, signs that the font lacks (a warning, and an empty box), or 500
letters. The font is the one that comes with Matplotlib, so a picture looks alike
everywhere.
"""

import unicodedata
from functools import cache

from matplotlib import font_manager

FONT = "DejaVu Sans"
MONO = "DejaVu Sans Mono"


def printable(text: str, limit: int = 16) -> str:
    r"""`text` in at most `limit` characters that can be lettered as they are.

    What has no glyph, or acts on its surroundings, is written <U+202E>; `$` comes out
    as `\$`, which Matplotlib letters as a dollar.

    >>> printable("a$b"), printable("two\x00", limit=12), printable("abcdefgh", limit=6)
    ('a\\$b', 'two<U+0000>', 'abcde…')
    """
    # Only the shown part is looked at: a text may be very long.
    told = "".join(map(_lettered, text[: limit + 1]))
    if len(told) > limit:
        told = told[: limit - 1] + "…"
    return told.replace("$", r"\$")


def _lettered(character: str) -> str:
    code = ord(character)
    invisible = unicodedata.category(character)[0] == "C"
    if invisible or code not in _glyphs():
        return f"<U+{code:04X}>"
    return character


@cache
def _glyphs() -> frozenset[int]:
    """The code points of both our fonts, the upright and the mono one."""
    paths = [font_manager.findfont(name) for name in (FONT, MONO)]
    each = [frozenset(font_manager.get_font(path).get_charmap()) for path in paths]
    return frozenset.intersection(*each)
