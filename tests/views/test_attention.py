"""Attention maps, their links, words and lines, and the small maps of a layer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.tokenizers import ByteLevelBPETokenizer
from playground.tokenizers.byte_level_bpe import byte_letters
from playground.views import attention
from playground.views.attention import (
    AttentionView,
    attention_view,
    layer_view,
    strongest,
)
from playground.views.text_units import (
    TextUnits,
    even_units,
    text_units,
    tokens_as_units,
)
from tests.views.scripted_explained import random_weights, scripted

# Rows are queries. With a window of 2 the last row keeps 0.2 and 0.2: half each.
HEAD = [
    [1.0, 0.0, 0.0, 0.0],
    [0.75, 0.25, 0.0, 0.0],
    [0.5, 0.25, 0.25, 0.0],
    [0.5, 0.1, 0.2, 0.2],
]
OTHER = np.eye(4)
NAMES = ("a", "b", "c", "d")


def units_at(*starts: int, num_tokens: int) -> TextUnits:
    return TextUnits(
        by="word",
        starts=np.array(starts, np.int32),
        labels=tuple(f"w{start}" for start in starts),
        num_tokens=num_tokens,
    )


def view_of(**changes: object) -> AttentionView:
    explained = scripted([[OTHER, HEAD]])
    asked = {
        "layer": 0,
        "head": 1,
        "units": tokens_as_units(NAMES),
        "prompt_length": 3,
        "most_links": 2,
    }
    return attention_view(explained, **{**asked, **changes})


def test_a_map_has_the_head_that_was_asked_for() -> None:
    view = view_of()
    np.testing.assert_allclose(view.weights, HEAD)
    assert view.prompt_length == 3
    assert view.labels == NAMES
    np.testing.assert_allclose(view_of(head=0).weights, OTHER)


def test_links_go_both_ways_and_the_strongest_comes_first() -> None:
    view = view_of()
    assert view.looks_at.positions.tolist() == [[0, -1], [0, 1], [0, 1], [0, 2]]
    np.testing.assert_allclose(view.looks_at.weights[3], [0.5, 0.2])
    # Token 1 is looked at by itself and by 2, both 0.25, before 3.
    assert view.looked_at_by.positions.tolist() == [[0, 1], [1, 2], [2, 3], [3, -1]]
    assert view.strongest_link == (2, 1, 0.25)


def test_the_window_is_in_the_numbers_and_in_the_words() -> None:
    explained = scripted([[HEAD]], sliding_window=2)
    view = attention_view(explained, 0, 0, tokens_as_units(NAMES), prompt_length=4)
    assert view.weights is not None
    np.testing.assert_allclose(view.weights[3], [0, 0, 0.5, 0.5])
    assert view.words() == (
        "Head 0 of layer 0 over 4 tokens, with a window of 2 tokens. Its strongest "
        "link between two, but for the first one, which many heads fall back on: token "
        "2 “c” gives 50.0% of its attention to token 1 “b”."
    )


def test_a_head_that_looks_only_at_itself_has_no_link_to_tell_of() -> None:
    told = view_of(head=0).words()
    assert told.endswith("No token looks at another one but the first.")
    assert "a window that holds the whole text" in told


def test_words_sum_over_keys_and_mean_over_queries() -> None:
    """Words a, bc, d."""
    units = units_at(0, 1, 3, num_tokens=4)
    view = view_of(units=units, prompt_length=2)
    expected = [[1, 0, 0], [(0.75 + 0.5) / 2, (0.25 + 0.5) / 2, 0], [0.5, 0.3, 0.2]]
    np.testing.assert_allclose(view.weights, expected, rtol=1e-6)
    assert view.prompt_length == 2  # "a", and "bc" begins in the prompt


def test_the_table_has_every_link() -> None:
    table = view_of().table()
    assert table.columns[0] == "position"
    assert len(table.rows) == 7
    assert table.rows[-1] == (3, "d", 2, "c", pytest.approx(0.2))


def test_a_long_map_keeps_its_links_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "MAX_DENSE", 3)
    view = view_of()
    assert view.weights is None
    assert view.looks_at.positions.tolist()[3] == [0, 2]
    assert view.words()
    assert view.table().rows


@given(
    st.integers(0, 99),
    st.integers(1, 12),
    st.integers(1, 12),
    st.sets(st.integers(1, 11)),
)
def test_units_of_any_size_are_sums_and_means(
    seed: int, length: int, window: int, starts: set[int]
) -> None:
    explained = scripted(random_weights(seed, 1, 2, length), window)
    begins = [0, *sorted(start for start in starts if start < length)]
    units = units_at(*begins, num_tokens=length)
    member = np.zeros((len(begins), length))
    for unit, (start, end) in enumerate(
        zip(begins, [*begins[1:], length], strict=True)
    ):
        member[unit, start:end] = 1
    of_tokens = explained.windowed[0, 1]
    expected = member @ of_tokens @ member.T / member.sum(axis=1, keepdims=True)
    view = attention_view(explained, 0, 1, units, prompt_length=0)
    np.testing.assert_allclose(view.weights, expected, rtol=0, atol=1e-6)


@given(st.integers(0, 99), st.integers(1, 9), st.integers(1, 9))
def test_the_strongest_are_those_of_a_sort(seed: int, size: int, most: int) -> None:
    weights = np.random.default_rng(seed).random((4, size)).astype(np.float32)
    found = strongest(weights, most)
    expected = np.argsort(-weights, axis=1)[:, :most]
    np.testing.assert_array_equal(found.positions, expected)
    np.testing.assert_array_equal(
        found.weights, np.take_along_axis(weights, expected, axis=1)
    )


def test_small_maps_of_a_layer() -> None:
    view = layer_view(scripted([[OTHER, HEAD]]), 0, size=2)
    expected = [[1, 0], [(0.75 + 0.6) / 2, (0.25 + 0.4) / 2]]
    np.testing.assert_allclose(view.weights[1], expected, rtol=1e-6)
    np.testing.assert_allclose(view.weights[0], np.eye(2))
    assert view.units.labels == ("0 to 1", "2 to 3")
    assert (
        "Head 0 stays nearest, with 100% on the same 2 tokens; head 1" in view.words()
    )
    assert view.table().rows[-1] == (1, "2 to 3", "2 to 3", pytest.approx(0.325))


def test_stretches_are_even_and_never_too_many() -> None:
    units = even_units(10, most=4)
    assert units.starts.tolist() == [0, 3, 6, 9]
    assert units.sizes.tolist() == [3, 3, 3, 1]
    assert units.labels == ("0 to 2", "3 to 5", "6 to 8", "9")


@pytest.fixture(scope="module")
def letters() -> ByteLevelBPETokenizer:
    """Id 0 is a special token, 1 + b the byte b."""
    return ByteLevelBPETokenizer(
        ["<|end|>", *byte_letters()], [], special_token_ids=[0]
    )


def test_words_begin_at_white_space_and_lines_end_with_it(
    letters: ByteLevelBPETokenizer,
) -> None:
    ids = [0, *letters.tokenize("By  sea.\nIt")]
    tokens = text_units(letters, ids, "token")
    assert tokens.labels == ("<|end|>", *"By␣␣sea.↵It")
    words = text_units(letters, ids, "word")
    assert words.labels == ("<|end|>", "By", "␣␣sea.", "↵", "It")
    assert words.starts.tolist() == [0, 1, 3, 9, 10]
    assert words.sizes.tolist() == [1, 2, 6, 1, 2]
    lines = text_units(letters, ids, "line")
    assert lines.labels == ("<|end|>By␣␣sea.↵", "It")
    assert lines.count_before(10) == 1
    assert lines.count_before(11) == 2


def test_unknown_ids_and_long_lines_have_labels(
    letters: ByteLevelBPETokenizer,
) -> None:
    (label,) = text_units(letters, [*letters.tokenize("a" * 50), 10**6], "line").labels
    assert label == "a" * 39 + "…"
    assert text_units(letters, [10**6], "word").labels == ("<id 1000000>",)
    with pytest.raises(ValueError, match="'token', 'word' or 'line', got 'page'"):
        text_units(letters, [1], "page")  # type: ignore[arg-type]


def test_a_head_or_a_text_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="0 to 1, got 2"):
        view_of(head=2)
    with pytest.raises(ValueError, match=r"a text of 5 tokens, .* has 4"):
        view_of(units=tokens_as_units("abcde"))
