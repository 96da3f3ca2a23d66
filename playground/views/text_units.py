r"""A text's tokens put together to words or lines, for pictures of long texts.

tokens   <s>  ␣the  ␣sea  side  .  ↵  A
words    <s>  ␣the  ␣seaside.      ↵  A
lines    <s>␣the␣seaside.↵            A
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playground.models.places import whole
from playground.tokenizers import Tokenizer
from playground.views.labels import MAX_CHARACTERS, labels

Unit = Literal["token", "word", "line"]


@dataclass(frozen=True, kw_only=True)
class TextUnits:
    """A text in U units of one or more tokens each.

    `starts` int32 [U]: the position of each unit's first token, from 0.
    `labels`: what each is called. `num_tokens`: T.
    """

    by: Unit
    starts: NDArray[np.int32]
    labels: tuple[str, ...]
    num_tokens: int

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def sizes(self) -> NDArray[np.int32]:
        """Tokens in each unit [U]."""
        return np.diff(self.starts, append=self.num_tokens).astype(np.int32)

    def sums(
        self, values: NDArray[np.float32], first: int, axis: int
    ) -> tuple[slice, NDArray[np.float32]]:
        """Which units the tokens from `first` along an axis are in, and their sums."""
        begin = int(np.searchsorted(self.starts, first, side="right")) - 1
        end = int(np.searchsorted(self.starts, first + values.shape[axis]))
        inside = np.maximum(self.starts[begin:end] - first, 0)
        return slice(begin, end), np.add.reduceat(values, inside, axis=axis)

    def count_before(self, position: int) -> int:
        """How many units begin before a token position."""
        return int(np.searchsorted(self.starts, position))


def tokens_as_units(token_labels: Sequence[str]) -> TextUnits:
    """Each token is a unit of its own."""
    return TextUnits(
        by="token",
        starts=np.arange(len(token_labels), dtype=np.int32),
        labels=tuple(token_labels),
        num_tokens=len(token_labels),
    )


def text_units(tokenizer: Tokenizer, token_ids: Sequence[int], by: Unit) -> TextUnits:
    """A text in words, which begin with their white space, or in lines.

    A line ends with its line ends, which are a word of their own, as a special token
    is. Raises ValueError for another `by`.
    """
    names = labels(tokenizer, token_ids)
    if by == "token":
        return tokens_as_units(names)
    if by not in ("word", "line"):
        raise ValueError(f"`by` must be 'token', 'word' or 'line', got {by!r}.")
    texts = [_text(tokenizer, token_id) for token_id in token_ids]
    pairs = zip(["", *texts], texts, strict=False)
    begins = _line_begins if by == "line" else _word_begins
    starts = [i for i, pair in enumerate(pairs) if i == 0 or begins(*pair)]
    ends = [*starts[1:], len(names)]
    return TextUnits(
        by=by,
        starts=np.array(starts, np.int32),
        labels=tuple(
            _shortened("".join(names[a:b])) for a, b in zip(starts, ends, strict=True)
        ),
        num_tokens=len(names),
    )


def _text(tokenizer: Tokenizer, token_id: int) -> str:
    """A token's own text; "" for a special token and for an unknown id."""
    if not 0 <= token_id < tokenizer.vocabulary_size():
        return ""
    return tokenizer.token_bytes(token_id).decode(errors="replace")


def _word_begins(before: str, text: str) -> bool:
    if not before or not text:
        return True
    if before[-1] == "\n":
        return text[0] != "\n"
    return text[0].isspace() and not before[-1].isspace()


def _line_begins(before: str, text: str) -> bool:
    del text
    return before.endswith("\n")


def even_units(num_tokens: int, most: int) -> TextUnits:
    """At most `most` units of equally many tokens, but for the last."""
    most = whole("most", most, 1)
    size = -(-num_tokens // most)
    starts = np.arange(0, num_tokens, size, dtype=np.int32)
    ends = np.minimum(starts + size, num_tokens) - 1
    names = (
        f"{a} to {b}" if b > a else f"{a}" for a, b in zip(starts, ends, strict=True)
    )
    return TextUnits(
        by="token", starts=starts, labels=tuple(names), num_tokens=num_tokens
    )


def _shortened(label: str) -> str:
    return label if len(label) <= MAX_CHARACTERS else label[: MAX_CHARACTERS - 1] + "…"
