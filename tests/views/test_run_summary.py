"""A run in numbers, worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.views.amounts import bits, percent, tokens
from playground.views.run_summary import run_summary
from tests.views.small_records import record


def test_perplexity_is_of_the_recorded_tokens_alone() -> None:
    summary = run_summary([5, 6, 7], [record(0.5), None, record(0.125)])
    assert (summary.num_tokens, summary.num_recorded) == (3, 2)
    assert summary.mean_logprob == pytest.approx(math.log(1 / 16) / 2)
    assert summary.perplexity == pytest.approx(4)


def test_distinct_tokens_and_pairs() -> None:
    summary = run_summary([1, 2, 1, 2, 1, 1])
    assert summary.distinct_1 == pytest.approx(2 / 6)
    assert summary.distinct_2 == pytest.approx(3 / 5)  # 1 2, 2 1 and 1 1
    assert summary.words() == (
        "6 tokens · 33.3% of the tokens different · 60.0% of the pairs different"
    )


def test_nothing_to_count_is_none_not_zero() -> None:
    nothing, one = run_summary([]), run_summary([3], [record(1.0)])
    assert (nothing.distinct_1, nothing.distinct_2) == (None, None)
    assert (nothing.mean_logprob, nothing.perplexity) == (None, None)
    assert nothing.table().rows == (("new tokens", 0),)
    assert (one.distinct_1, one.distinct_2, one.perplexity) == (1.0, None, 1.0)
    assert one.words().startswith("1 token · perplexity 1.00")


@given(st.lists(st.integers(0, 5), min_size=2))
def test_shares_lie_in_their_range(ids: list[int]) -> None:
    summary = run_summary(ids, [record(0.1)] * len(ids))
    assert summary.distinct_1 is not None
    assert summary.distinct_2 is not None
    assert 0 < summary.distinct_1 <= 1
    assert 0 < summary.distinct_2 <= 1
    assert summary.perplexity == pytest.approx(10)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.9134, "91.3%"),
        (0.0, "0%"),
        (1.0000001, "100%"),
        (0.9999999, "100%"),
        (0.9999, ">99.9%"),
        (0.0005, "0.1%"),
        (0.0004, "<0.1%"),
        (1e-30, "<0.1%"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float, words: str) -> None:
    assert percent(share) == words


def test_units() -> None:
    assert bits(math.log(8)) == pytest.approx(3)
    assert (tokens(1), tokens(49152)) == ("1 token", "49,152 tokens")
