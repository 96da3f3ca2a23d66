"""Finds tokens that are written out in a text by their names."""

import re
from collections.abc import Iterable, Iterator, Mapping

# "<|im_end|>", "</s>", "[INST]": what templates mark turns with.
_MARKER = re.compile(r"<.+>|\[.+\]")


def is_marker(name: str) -> bool:
    """Whether a token of this name is a mark of a chat template, not a word.

    >>> is_marker("<|im_end|>"), is_marker("[INST]"), is_marker("a tool")
    (True, True, False)
    """
    return _MARKER.fullmatch(name) is not None


class TokenNames:
    """Some names and their ids; of those that begin at one place, the longest counts.

    >>> list(TokenNames({"<s>": 1, "<s>>": 2}).split("a<s>>b"))
    ['a', 2, 'b']
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._ids = {name: id_ for name, id_ in ids.items() if name}
        by_length = sorted(self._ids, key=len, reverse=True)
        self._pattern = re.compile(f"({'|'.join(map(re.escape, by_length))})")

    def split(self, text: str) -> Iterator[str | int]:
        """The text in pieces, ids where a name is; no piece is empty."""
        pieces = self._pattern.split(text) if self._ids else [text]
        for place, piece in enumerate(pieces):
            if piece:  # every other one is a name
                yield self._ids[piece] if place % 2 else piece

    def places(self, text: str) -> Iterator[int]:
        """Where a name begins, also within another one."""
        if self._ids:
            for found in re.finditer(f"(?={self._pattern.pattern})", text):
                yield found.start()


def joined(pieces: Iterable[str | int]) -> Iterator[str | int]:
    """The same with neighbouring texts as one."""
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        if text:
            yield text
        yield piece
        text = ""
    if text:
        yield text
