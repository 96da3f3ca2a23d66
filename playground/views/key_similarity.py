"""How alike the keys, or the values, of a text's tokens are in one key/value head.

Cosine: 1 for the same direction, 0 for a right angle, -1 for opposite ones. Keys are
compared as they lie in the cache, turned by their positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playground.models import Explained
from playground.models.places import place
from playground.views.attention import MAX_DENSE
from playground.views.explained_text import check_labels
from playground.views.view import Table
from playground.views.window import counted

Kind = Literal["keys", "values"]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class KeySimilarityView:
    """Cosines f32 [T, T], in [-1, 1], of the `kind` of one key/value head of a layer.

    `nearest` is, for each token, the other one that is most like it.
    """

    layer: int
    head: int
    kind: Kind
    labels: tuple[str, ...]
    cosine: Floats

    @property
    def nearest(self) -> tuple[int, ...]:
        """[T]; a single token has itself."""
        others = self.cosine.copy()
        if len(others) > 1:
            np.fill_diagonal(others, -np.inf)
        return tuple(others.argmax(axis=1).tolist())

    @property
    def title(self) -> str:
        return f"Likeness of {self.kind} in layer {self.layer}, head {self.head}"

    def words(self) -> str:
        length = len(self.labels)
        told = (
            f"Cosines of the {self.kind} of {counted(length, 'token')} in key/value "
            f"head {self.head} of layer {self.layer}."
        )
        if length == 1:
            return told
        upper = self.cosine[np.triu_indices(length, 1)]
        nearest = self.nearest
        token = int(np.argmax([self.cosine[i, j] for i, j in enumerate(nearest)]))
        other = nearest[token]
        return (
            f"{told} Two tokens are {float(upper.mean()):.2f} alike on average; most "
            f"are token {token} “{self.labels[token]}” and {other} "
            f"“{self.labels[other]}”, {float(self.cosine[token, other]):.2f}."
        )

    def table(self) -> Table:
        """Each token and the one most like it."""
        tokens, nearest = np.arange(len(self.labels)), self.nearest
        return Table.of(
            {
                "position": tokens,
                "token": self.labels,
                "most like position": nearest,
                "token there": [self.labels[other] for other in nearest],
                "cosine": self.cosine[tokens, nearest],
            }
        )


def key_similarity_view(
    explained: Explained,
    layer: int,
    head: int,
    labels: Sequence[str],
    kind: Kind = "keys",
) -> KeySimilarityView:
    """How alike the tokens are to one key/value head, for up to 512 tokens.

    Raises ValueError for a longer text, another `kind`, or a head that is not there.
    """
    check_labels(explained, labels)
    _check(explained, kind)
    layer = place("layer", layer, explained.num_layers)
    head = place("head", head, explained.num_key_value_heads)
    keys, values = explained.keys_and_values(layer)
    rows = (keys if kind == "keys" else values)[head]
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    unit = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return KeySimilarityView(
        layer=layer,
        head=head,
        kind=kind,
        labels=tuple(labels),
        cosine=(unit @ unit.T).clip(-1, 1),
    )


def _check(explained: Explained, kind: str) -> None:
    if len(explained) > MAX_DENSE:
        raise ValueError(
            f"Keys are compared in texts of up to {MAX_DENSE} tokens, this one has "
            f"{len(explained):,}. Take a part of it."
        )
    if kind not in ("keys", "values"):
        raise ValueError(f"`kind` must be 'keys' or 'values', got {kind!r}.")
