"""The baseline, against counting with dictionaries."""

import math
from collections import Counter

import numpy as np

from playground.training.trigram import DISCOUNT, trigram_surprisal


def slow_trigram(training: list[int], text: list[int], size: int) -> list[float]:
    """Kneser-Ney by the formula, with dictionaries."""
    grams = Counter(zip(training, training[1:], training[2:], strict=False))
    tables = [grams]
    while len(next(iter(tables[0]))) > 1:
        tables.insert(0, Counter(gram[1:] for gram in tables[0]))

    def chance(context: tuple[int, ...], token: int) -> float:
        table = tables[len(context)]
        lower = chance(context[1:], token) if context else 1 / size
        seen = [table[gram] for gram in table if gram[:-1] == context]
        if not seen:
            return lower
        kept = max(table[(*context, token)] - DISCOUNT, 0)
        return (kept + DISCOUNT * len(seen) * lower) / sum(seen)

    before = [training[-1], training[-1], *text]
    return [
        -math.log(chance((before[i], before[i + 1]), token))
        for i, token in enumerate(text)
    ]


def test_it_is_counting_by_the_formula() -> None:
    numbers = np.random.default_rng(0)
    # Tokens 6 and 7 never come in the training text.
    training = numbers.integers(0, 6, 200).astype(np.int32)
    text = numbers.integers(0, 8, 60).astype(np.int32)
    found = trigram_surprisal(training, text, 8)
    expected = slow_trigram(training.tolist(), text.tolist(), 8)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_all_chances_together_are_one() -> None:
    training = np.random.default_rng(1).integers(0, 5, 100).astype(np.int32)
    for first, second in ((0, 1), (4, 4)):
        after = [[first, second, token] for token in range(7)]
        chances = [
            np.exp(-trigram_surprisal(training, np.array(text, np.int32), 7)[-1])
            for text in after
        ]
        np.testing.assert_allclose(sum(chances), 1, rtol=1e-12)


def test_by_hand() -> None:
    # Of 0 1 0 1 0 each bigram was seen after one token, and 0 after one, 1 after one.
    # Unigrams: (1 - D + 2 D / 4) / 2 of four tokens. Bigrams: 1 - D + D * that.
    # Trigram 1 0 | 1 was seen once, 0 1 | 0 twice.
    training = np.array([0, 1, 0, 1, 0], np.int32)
    unigram = (1 - 0.75 + 0.75 * 2 / 4) / 2
    bigram = 0.25 + 0.75 * unigram
    trigram = (2 - 0.75) / 2 + 0.75 / 2 * bigram
    text = np.array([0, 1, 0], np.int32)
    found = trigram_surprisal(training, text, 4)
    assert found[-1] == -math.log(trigram)
