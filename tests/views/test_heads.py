"""What heads do, how alike they are, and what the window cuts: worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.models import ExplainStopped
from playground.views.explained_text import Waiting
from playground.views.head_finder import (
    PATTERNS,
    HeadFinderView,
    head_finder_view,
    repeated_tokens,
)
from playground.views.head_groups import MOST_QUERIES, head_groups_view
from playground.views.mass_cut import mass_cut_view
from tests.views.scripted_explained import random_weights, scripted

HEAD = [
    [1.0, 0.0, 0.0, 0.0, 0.0],
    [0.5, 0.5, 0.0, 0.0, 0.0],
    [0.25, 0.5, 0.25, 0.0, 0.0],
    [0.1, 0.6, 0.2, 0.1, 0.0],
    [0.0, 0.0, 0.5, 0.25, 0.25],
]
IDS = (7, 8, 9, 7, 8)  # 3 is like 0, so 1 is what came next; 4 is like 1: 2
LABELS = ("a", "b", "c", "d", "e")


def test_patterns_of_a_head_by_hand() -> None:
    view = head_finder_view(scripted([[HEAD]], token_ids=IDS), [0])
    assert view.num_repeats == 2
    assert view.previous_token[0, 0] == pytest.approx((0.5 + 0.5 + 0.2 + 0.25) / 4)
    assert view.induction[0, 0] == pytest.approx((0.6 + 0.5) / 2)
    assert view.first_token[0, 0] == pytest.approx((0.5 + 0.25 + 0.1 + 0.0) / 4)
    assert view.itself[0, 0] == pytest.approx((0.5 + 0.25 + 0.1 + 0.25) / 4)
    far = (0.5, 0.5 + 0.5, 0.3 + 1.2 + 0.2, 1.0 + 0.25)
    assert view.mean_distance[0, 0] == pytest.approx(sum(far) / 4)
    rows = [[w for w in row if w] for row in HEAD[1:]]
    nats = [-sum(w * math.log(w) for w in row) for row in rows]
    assert view.entropy[0, 0] == pytest.approx(sum(nats) / 4)
    # Even weights over 2, 3, 4 and 5 tokens.
    assert view.even_distance == pytest.approx((0.5 + 1 + 1.5 + 2) / 4)
    assert view.even_entropy == pytest.approx(math.log(2 * 3 * 4 * 5) / 4)


def test_queries_that_a_window_leaves_without_a_sink_or_repeat_do_not_count() -> None:
    """With 3, token 3 sees 1 2 3, and 4 sees 2 3 4: the first one is seen by two."""
    view = head_finder_view(scripted([[HEAD]], 3, IDS), [0])
    assert view.num_repeats == 2
    assert view.first_token[0, 0] == pytest.approx((0.5 + 0.25) / 2)
    assert view.induction[0, 0] == pytest.approx((0.6 / 0.9 + 0.5) / 2)
    assert view.even_distance == pytest.approx((0.5 + 1 + 1 + 1) / 4)
    narrow = head_finder_view(scripted([[HEAD]], 1, IDS), [0])
    assert narrow.num_repeats == 0
    assert np.isnan(narrow.induction[0, 0])
    assert np.isnan(narrow.previous_token[0, 0])
    assert narrow.itself[0, 0] == 1
    assert narrow.table().rows[0][2:4] == ("-", "-")
    assert "furthest back: layer 0, head 0, 0.0 tokens" in narrow.words()


def test_the_clearest_head_of_each_kind_is_found() -> None:
    sink = np.zeros((4, 4))
    sink[:, 0] = 1
    before = np.eye(4, k=-1)
    before[0, 0] = 1
    view = head_finder_view(scripted([[np.eye(4), sink], [before, np.eye(4)]]), [0, 1])
    assert view.strongest("first_token") == (0, 1, 1)
    assert view.strongest("previous_token") == (1, 0, 1)
    assert view.strongest("induction") is None
    assert "previous token: layer 1, head 0, 100%" in view.words()
    assert len(view.table().rows) == 4
    assert view.table().columns[2:] == tuple(PATTERNS.values())


def by_the_book(explained: object, window: int) -> dict[str, float]:
    """The same definitions, query by query and key by key."""
    ids, weights = explained.token_ids, explained.windowed[0, 0]  # type: ignore[attr-defined]
    found: dict[str, list[float]] = {pattern: [] for pattern in PATTERNS}
    for t in range(1, len(ids)):
        row = {s: weights[t, s] for s in range(max(0, t - window + 1), t + 1)}
        if t - 1 in row:
            found["previous_token"].append(row[t - 1])
        if 0 in row:
            found["first_token"].append(row[0])
        after = [s for s in row if 0 < s < t and ids[s - 1] == ids[t]]
        if after:
            found["induction"].append(sum(row[s] for s in after))
        found["itself"].append(row[t])
        found["entropy"].append(-sum(w * math.log(w) for w in row.values() if w > 0))
        found["mean_distance"].append(sum(w * (t - s) for s, w in row.items()))
    return {p: float(np.mean(v)) if v else math.nan for p, v in found.items()}


@given(st.integers(0, 99), st.integers(1, 10), st.integers(1, 10))
def test_patterns_of_random_heads(seed: int, length: int, window: int) -> None:
    ids = np.random.default_rng(seed).integers(0, 3, length).tolist()
    explained = scripted(random_weights(seed, 1, 1, length), window, ids)
    view = head_finder_view(explained, [0])
    for pattern, expected in by_the_book(explained, explained.sliding_window).items():
        found = float(getattr(view, pattern)[0, 0])
        assert found == pytest.approx(expected, abs=1e-5, nan_ok=True), pattern
    assert isinstance(view, HeadFinderView)
    assert view.words()


def test_repeated_tokens_come_again() -> None:
    ids = repeated_tokens(50, 6, seed=1, times=3)
    assert len(ids) == 18
    assert ids[:6] == ids[6:12] == ids[12:]
    assert ids != repeated_tokens(50, 6, seed=2, times=3)


def test_likeness_of_heads_by_hand() -> None:
    """Over tokens 1 and 2: the same, apart in one of two, half overlapping."""
    first = [[1, 0, 0], [1, 0, 0], [0.5, 0.5, 0]]
    second = [[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]]
    third = [[1, 0, 0], [1, 0, 0], [0, 0.5, 0.5]]
    fourth = first
    explained = scripted([[first, second, third, fourth]], num_key_value_heads=2)
    view = head_groups_view(explained, 0)
    assert view.groups == ((0, 1), (2, 3))
    assert view.num_queries == 2
    assert view.likeness[0, 3] == 1
    assert view.likeness[0, 1] == pytest.approx(0.5)  # 0 bits and 1 bit apart
    # The mixture 1/4 1/2 1/4 has 1.5 bits, each of the two has 1: 0.5 bits apart.
    assert view.likeness[0, 2] == pytest.approx((1 + 0.5) / 2)
    assert view.within == (pytest.approx(0.5), pytest.approx(0.75))
    np.testing.assert_allclose(view.likeness, view.likeness.T)
    across = [view.likeness[a, b] for a in (0, 1) for b in (2, 3)]
    assert view.across == pytest.approx(np.mean(across))
    assert "4 query heads share 2 key/value heads, 2 each" in view.words()
    assert len(view.table().rows) == 6
    assert view.table().rows[0] == (0, 1, "yes", pytest.approx(0.5))


@pytest.mark.parametrize(("heads", "words"), [(1, "share 1"), (3, "of its own")])
def test_groups_of_all_heads_and_of_one_head(heads: int, words: str) -> None:
    weights = random_weights(0, 1, 3, 5)
    view = head_groups_view(scripted(weights, num_key_value_heads=heads), 0)
    assert words in view.words()
    assert math.isnan(view.across) == (heads == 1)
    assert math.isnan(view.within[0]) == (heads == 3)


def test_heads_that_see_only_themselves_are_alike() -> None:
    view = head_groups_view(scripted(random_weights(0, 1, 2, 4), 1), 0)
    np.testing.assert_array_equal(view.likeness, 1)
    assert "No token sees more than one" in view.words()


def test_of_a_long_text_some_queries_are_compared() -> None:
    explained = scripted(random_weights(0, 1, 2, 300), 9)
    view = head_groups_view(explained, 0)
    assert view.num_queries == MOST_QUERIES
    assert "128 tokens under a window of 9 tokens" in view.words()


def test_what_a_window_of_two_cuts_by_hand() -> None:
    view = mass_cut_view(scripted([[HEAD]], 2), [0], LABELS)
    np.testing.assert_allclose(view.mass[0, 0], [0, 0, 0.25, 0.7, 0.5], rtol=1e-6)
    assert view.by_head[0, 0] == pytest.approx((0.25 + 0.7 + 0.5) / 3)
    assert view.table().rows == (
        (0, 0, pytest.approx(1.45 / 3), pytest.approx(0.7), 3, "d"),
    )
    assert "48.3% of its weight outside" in view.words()
    assert "token 3 “d” does, 70.0%" in view.words()


def test_a_window_as_long_as_the_text_cuts_nothing() -> None:
    view = mass_cut_view(scripted([[HEAD]], 5), [0], LABELS)
    assert not view.hides
    assert not view.mass.any()
    assert "nothing is cut" in view.words()


@given(st.integers(0, 99), st.integers(1, 10), st.integers(1, 10))
def test_mass_cut_of_random_heads(seed: int, length: int, window: int) -> None:
    explained = scripted(random_weights(seed, 2, 2, length), window)
    view = mass_cut_view(explained, [1, 0], ["x"] * length)
    outside = explained.distance >= explained.sliding_window
    expected = (explained.full * outside).sum(axis=3)[[1, 0]]
    np.testing.assert_allclose(view.mass, expected, rtol=0, atol=1e-6)


def test_long_work_tells_and_stops() -> None:
    explained = scripted(random_weights(0, 3, 1, 5), 2)
    told: list[float | None] = []
    waiting = Waiting(lambda _words, fraction: told.append(fraction))
    mass_cut_view(explained, range(3), LABELS, waiting)
    assert told == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1]
    with pytest.raises(ExplainStopped, match="1 of 3 layers"):
        head_finder_view(
            explained, range(3), Waiting(stopped=iter([False, True]).__next__)
        )
    with pytest.raises(ValueError, match="5 tokens needs a label, got 2"):
        mass_cut_view(explained, [0], ("a", "b"))
