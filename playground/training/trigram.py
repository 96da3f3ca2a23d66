"""An interpolated trigram over tokens: what a model without attention can know.

Kneser and Ney's smoothing with one discount (Chen and Goodman, "An Empirical Study of
Smoothing Techniques for Language Modeling", 1998, section 2.7): what is taken off the
counts of seen n-grams goes to the next lower order, whose counts say after how many
different tokens each n-gram was seen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playground.training.batches import Ids

DISCOUNT = 0.75
Floats = NDArray[np.float64]
Keys = NDArray[np.int64]


@dataclass(frozen=True)
class _Counts:
    """n-grams as whole numbers in base V, sorted, and how often each was seen."""

    grams: Keys
    counts: Keys

    def of(self, grams: Keys) -> Keys:
        """The counts of these; 0 for what was never seen."""
        places = np.searchsorted(self.grams, grams).clip(max=len(self.grams) - 1)
        return np.where(self.grams[places] == grams, self.counts[places], 0)

    def by_context(self, vocabulary_size: int) -> tuple["_Counts", "_Counts"]:
        """For each n-gram but its last token: its n-grams' sum, and how many differ."""
        contexts, places, kinds = np.unique(
            self.grams // vocabulary_size, return_inverse=True, return_counts=True
        )
        sums = np.bincount(places, weights=self.counts).astype(np.int64)
        return _Counts(contexts, sums), _Counts(contexts, kinds)


def trigram_surprisal(training: Ids, text: Ids, vocabulary_size: int) -> Floats:
    """How surprising each token of `text` is after the two before it, in nats.

    Both are streams of tokens; before a text stands what ends the last one in
    `training`. Gives float64, as long as `text`.
    """
    before = np.concatenate([training[-1:], training[-1:], text])
    grams = _trigrams(before, vocabulary_size)
    tables = [_counted(_trigrams(training, vocabulary_size))]
    for order in (2, 1):
        tables.append(_counted(tables[-1].grams % vocabulary_size**order))
    chance: Floats = np.full(len(text), 1 / vocabulary_size)
    for order, table in zip((1, 2, 3), reversed(tables), strict=True):
        chance = _interpolated(
            table, grams % vocabulary_size**order, chance, vocabulary_size
        )
    return -np.log(chance)


def _counted(grams: Keys) -> _Counts:
    return _Counts(*np.unique(grams, return_counts=True))


def _trigrams(stream: Ids, vocabulary_size: int) -> Keys:
    wide = stream.astype(np.int64)
    return (wide[:-2] * vocabulary_size + wide[1:-1]) * vocabulary_size + wide[2:]


def _interpolated(
    table: _Counts, grams: Keys, lower: Floats, vocabulary_size: int
) -> Floats:
    """The chances of n-grams, out of those of the next lower order."""
    totals, kinds = table.by_context(vocabulary_size)
    contexts = grams // vocabulary_size
    total = totals.of(contexts)
    kept = np.maximum(table.of(grams) - DISCOUNT, 0)
    given = DISCOUNT * kinds.of(contexts) * lower
    return np.where(total > 0, (kept + given) / np.maximum(total, 1), lower)
