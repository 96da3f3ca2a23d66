"""Bias, bans, repetition penalties and DRY, with numbers worked out by hand.

The float64 oracle in test_stages.py covers them on random rows.
"""

import numpy as np
import pytest

from playground.samplers import NO_TOKEN, SamplerValues, encode
from tests.samplers.small_chain import Row, last_of, run_sample, stages_of, tokens


def change(row: Row) -> np.ndarray:
    """What bias, penalties and DRY together do to the logits of a row, [V].

    Logarithms of probabilities are logits up to one number; the row's last token, which
    nothing changes, tells it.
    """
    after = stages_of([row])[0].probabilities[:, : len(row.logits)]
    with np.errstate(divide="ignore"):
        moved = np.log(after[3]) - np.log(after[0])
    return moved - moved[-1]


def test_the_example_of_penalise() -> None:
    numbers = SamplerValues(
        repetition_penalty=2.0, presence_penalty=0.5, frequency_penalty=0.25
    )
    moved = change(Row([2.0, -1.0, 1.0], numbers, [0, 0, 1]))
    np.testing.assert_allclose(moved, [0 - 2, -2.75 + 1, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        # llama.cpp's tests/test-sampling.cpp (MIT): five equal logits (log 0.2, so they
        # are multiplied), the penalties over its last tokens
        ({"repetition_penalty": 50.0}, [-49 * 1.609438, 0, 0, 0, 0]),
        ({"presence_penalty": 5.0, "frequency_penalty": 5.0}, [-20, 0, 0, 0, 0]),
        ({"presence_penalty": 5.0}, [-5, 0, 0, 0, 0]),
        ({"presence_penalty": 5.0, "penalty_last_n": 0}, [0, 0, 0, 0, 0]),
        ({"frequency_penalty": 1.0, "penalty_last_n": 2}, [-2, 0, 0, 0, 0]),
        ({"frequency_penalty": 1.0, "penalty_last_n": -1}, [-3, 0, 0, 0, 0]),
    ],
)
def test_penalties_of_a_token_seen_three_times(
    numbers: dict, expected: list[float]
) -> None:
    logits = np.full(5, np.log(0.2))
    moved = change(Row(logits, SamplerValues(**numbers), [0, 0, 0]))
    np.testing.assert_allclose(moved, expected, atol=1e-4)


def dry(history: str, **numbers: object) -> dict[str, float]:
    """What DRY takes off each letter's logit; "z" is one that is never penalised."""
    values = SamplerValues(**{"dry_multiplier": 0.5, "dry_base": 3.0, **numbers})
    ids = ["abcdefyz".index(letter) for letter in history]
    moved = change(Row([0.0] * 8, values, ids))
    return {
        letter: round(float(-lost), 4)
        for letter, lost in zip("abcdefyz", moved, strict=True)
        if lost < -1e-5
    }


@pytest.mark.parametrize(
    ("history", "numbers", "expected"),
    [
        # the docstring's, which is llama.cpp's: 3 tokens repeat before c, 2 before y
        ("abccbcyabc", {}, {"c": 1.5, "y": 0.5}),
        ("abccbcyabc", {"dry_allowed_length": 1}, {"c": 4.5, "y": 1.5, "b": 0.5}),
        ("abccbcyabc", {"dry_allowed_length": 4}, {}),
        ("abccbcyabc", {"dry_last_n": 6}, {"y": 0.5}),  # b c y a b c
        ("abccbcyabc", {"dry_last_n": 0}, {}),
        ("abccbcyabc", {"dry_base": 1.0}, {"c": 0.5, "y": 0.5}),
        ("abccbcyabc", {"dry_breakers": (0,)}, {"c": 0.5, "y": 0.5}),  # a: b c is left
        ("abccbcyabc", {"dry_breakers": (1,)}, {}),  # b: c alone is too short
        ("abccbcyabc", {"dry_breakers": (6,)}, {"c": 1.5}),  # y loses nothing
        ("aaaaa", {}, {"a": 4.5}),  # four tokens stand one place before as well
        ("abcdef", {}, {}),
        ("ab", {}, {}),
        ("", {}, {}),
    ],
)
def test_dry_table(history: str, numbers: dict, expected: dict) -> None:
    assert dry(history, **numbers) == expected


def test_dry_of_a_long_repeat_bans_and_does_not_overflow() -> None:
    numbers = SamplerValues(dry_multiplier=1.0, dry_base=1e30)
    last = last_of([Row([5.0, 0.0, 0.0], numbers, [0] * 10)])[0]
    np.testing.assert_allclose(last[:3], [0, 0.5, 0.5])


def test_bias_is_added_and_a_ban_wins_over_everything() -> None:
    numbers = SamplerValues(
        logit_bias={0: 1.5, 1: -2.0, 2: 9.0, 2**31 - 1: 5.0}, banned_tokens=(2, 99)
    )
    moved = change(Row([0.0, 3.0, 1.0, 0.0], numbers))
    np.testing.assert_allclose(moved, [1.5, -2, -np.inf, 0], atol=1e-5)
    infinite = Row([0.0, 3.0, np.inf, 0.0], numbers, step=1)
    assert last_of([infinite])[0][2] == 0


def test_a_ban_holds_for_greedy_and_a_row_without_a_token_has_none() -> None:
    ban = SamplerValues(temperature=0.0, banned_tokens=(1,))
    none = SamplerValues(banned_tokens=(0, 1))
    rows = [Row([0.0, 3.0], ban), Row([0.0, 3.0], none), Row([0.0, 3.0])]
    assert tokens(rows)[:2] == [0, NO_TOKEN]


def test_greedy_takes_the_likeliest_after_the_penalties() -> None:
    numbers = SamplerValues(temperature=0.0, presence_penalty=2.0)
    rows = [Row([1.0, 2.0, 0.0], numbers, history) for history in ([], [1], [0, 1, 2])]
    assert tokens(rows) == [1, 0, 1]


def test_dry_alone_changes_what_is_drawn() -> None:
    numbers = SamplerValues(temperature=0.0, dry_multiplier=10.0, dry_allowed_length=1)
    # Behind "0 1 0" token 1 would repeat; without DRY it is the likeliest.
    history = [0, 1, 0]
    rows = [
        Row([0.0, 1.0, 0.9], each, history)
        for each in (SamplerValues(temperature=0.0), numbers)
    ]
    assert tokens(rows) == [1, 2]


def test_padding_in_front_of_the_history_changes_nothing() -> None:
    numbers = SamplerValues(
        frequency_penalty=0.5, dry_multiplier=0.8, penalty_last_n=64, temperature=0.0
    )
    short = Row([2.0, 1.0, 1.9], numbers, [0, 1, 0])
    assert stages_of([short])[0].probabilities[3].argmax() == 2
    all_padding = run_sample(
        np.tile(np.arange(12, dtype=np.float32), (8, 1)),
        encode([numbers] * 8, [0] * 8),
        np.zeros(8, np.int32),
        np.full((8, 10), -1, np.int32),
    )
    assert np.asarray(all_padding).tolist() == [11] * 8
