"""What a window lets a token see, against masks that are multiplied out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.engine import kv_cache
from playground.models import MistralCausalLM
from playground.views.band_mask import band_mask_view
from playground.views.reach import reach_view
from playground.views.window import OUT_OF_REACH, Window, span, window_of
from playground.views.window_ruler import HOW, ruler_view

windows = st.none() | st.integers(1, 12)


def names(number: int) -> tuple[str, ...]:
    return tuple(f"t{i}" for i in range(number))


def mask(num_tokens: int, size: int | None) -> np.ndarray:
    """Who sees whom [query, key], by the engine's own function."""
    at = np.arange(num_tokens, dtype=np.int32)[None]
    size = num_tokens if size is None else size
    return np.asarray(kv_cache.visible(at, at, np.array([size], np.int32)))[0]


def layers_of(num_tokens: int, size: int | None, num_layers: int) -> np.ndarray:
    """Layers until each token gets to the last one: the mask's powers, one by one."""
    sees, reached = mask(num_tokens, size), np.eye(num_tokens, dtype=bool)
    found = np.full(num_tokens, OUT_OF_REACH)
    for layer in range(1, num_layers + 1):
        reached = (reached.astype(int) @ sees) > 0
        found = np.where((found == OUT_OF_REACH) & reached[-1], layer, found)
    return found


def test_a_small_window_by_hand() -> None:
    window = Window(size=3, num_layers=2)
    assert window.layers_between(7).tolist() == [0, 0, 0, 2, 2, 1, 1, 1]


@settings(max_examples=60)
@given(size=windows, num_layers=st.integers(1, 5), num_tokens=st.integers(1, 40))
def test_reach_is_what_the_masks_multiply_out_to(size, num_layers, num_tokens) -> None:
    window = Window(size=size, num_layers=num_layers)
    wanted = layers_of(num_tokens, size, num_layers)
    assert window.layers_between(num_tokens - 1).tolist() == wanted.tolist()
    view = reach_view(names(num_tokens), window)
    for back, first in enumerate(view.first.tolist()):
        if back:
            reached = np.flatnonzero((wanted > 0) & (wanted <= back))
            assert first == reached[0]
    assert view.first[0] == num_tokens - 1


@settings(max_examples=60)
@given(size=windows, num_layers=st.integers(1, 4), num_tokens=st.integers(1, 40))
def test_a_ruler_counts_every_token_once(size, num_layers, num_tokens) -> None:
    view = ruler_view(names(num_tokens), 1, Window(size=size, num_layers=num_layers))
    layers = layers_of(num_tokens, size, num_layers)
    zones = [HOW[zone] for zone in view.zones]
    wanted = {0: "not at all", 1: "directly"}
    assert zones == [wanted.get(layer, "through layers") for layer in layers]
    assert view.first_direct == zones.count("not at all") + zones.count(
        "through layers"
    )
    assert view.first_reached == zones.count("not at all")
    assert [row[3] for row in view.table().rows] == zones


@settings(max_examples=60)
@given(
    size=windows,
    shorter=st.none() | st.integers(1, 12),
    num_tokens=st.integers(1, 50),
    max_blocks=st.integers(1, 60),
)
def test_blocks_of_a_mask_count_the_pairs_in_them(
    size, shorter, num_tokens, max_blocks
) -> None:
    if shorter is not None and size is not None:
        shorter = min(shorter, size)
    view = band_mask_view(
        names(num_tokens),
        1,
        Window(size=size, num_layers=1),
        shorter=shorter,
        max_blocks=max_blocks,
    )
    assert len(view.full) <= max_blocks

    def blocks(pairs: np.ndarray) -> np.ndarray:
        first = np.arange(0, num_tokens, view.block)
        rows = np.add.reduceat(pairs.astype(int), first, axis=0)
        return np.add.reduceat(rows, first, axis=1)

    seen = mask(num_tokens, size)
    left = seen if shorter is None else mask(num_tokens, shorter)
    assert view.full.tolist() == blocks(mask(num_tokens, None)).tolist()
    assert view.seen.tolist() == blocks(seen).tolist()
    assert view.hidden.tolist() == blocks(seen & ~left).tolist()


def test_a_mask_by_hand() -> None:
    view = band_mask_view(names(6), 4, Window(size=3, num_layers=1), shorter=2)
    assert view.seen[4].tolist() == [0, 0, 1, 1, 1, 0]
    assert view.hidden[4].tolist() == [0, 0, 1, 0, 0, 0]
    assert view.words() == (
        "The window is shorter than the text: 3 of 6 tokens (the model's own: none). "
        "Of 21 pairs of a token and one not after it, 15 are seen (71%). 4 tokens of "
        "the prompt are read in 1 chunk, 2 tokens of the answer one by one. "
        "A window of 2 would hide 4 more (27% of what is seen)."
    )
    assert view.table().rows[4] == (4, 4, "decode", 2, 3, 1)


def test_a_long_text_needs_no_mask_of_its_own_size() -> None:
    view = band_mask_view(names(30_000), 30_000, Window(size=4096, num_layers=1))
    assert view.full.sum() == 30_000 * 30_001 // 2
    assert view.seen.sum() == 4096 * 4097 // 2 + (30_000 - 4096) * 4096


def test_the_states_of_a_window_in_words() -> None:
    mistral = Window(size=4096, num_layers=32, own=4096)
    assert mistral.state(41) == ("The window holds the whole text: 41 of 4,096 tokens.")
    assert mistral.state(4096).startswith("The window holds the whole text")
    assert mistral.state(4097) == (
        "The window is shorter than the text: 4,096 of 4,097 tokens."
    )
    none = Window(size=None, num_layers=30)
    assert none.state(41) == "There is no window: each token sees all before it."
    narrowed = Window(size=8, num_layers=2, own=64)
    assert narrowed.state(9) == (
        "The window is shorter than the text: 8 of 9 tokens (the model's own: 64)."
    )


def test_the_window_of_a_run_is_the_wanted_one_or_the_models(
    tiny: MistralCausalLM,
) -> None:
    assert window_of(tiny.backbone) == Window(
        size=7, num_layers=3, own=7, of_layers=(7, 7, 7)
    )
    assert window_of(tiny.backbone, 4) == Window(
        size=4, num_layers=3, own=7, of_layers=(4, 4, 4)
    )


def test_a_ruler_in_words() -> None:
    ruler = ruler_view(names(8), 5, Window(size=3, num_layers=2, own=3))
    assert ruler.words() == (
        "The window is shorter than the text: 3 of 8 tokens. The next token sees 3 "
        "tokens directly (positions 5 to 7), 2 only through layers (3 and 4), and 3 "
        "tokens not at all (0 to 2)."
    )
    assert ruler.table().rows[3] == (3, "t3", "prompt", "through layers", 2)
    assert ruler.table().rows[0] == (0, "t0", "prompt", "not at all", "")
    free = ruler_view(names(2), 2, Window(size=None, num_layers=2))
    assert free.words().endswith("The next token sees all 2 tokens.")


def test_reach_in_words() -> None:
    lost = reach_view(names(8), Window(size=3, num_layers=2, own=3))
    assert lost.words().endswith(
        "Token 7 sees 3 tokens in a layer, itself included, so each layer reaches 2 "
        "further back: at most 4 through 2 layers. The first 3 tokens cannot "
        "influence it."
    )
    whole = reach_view(names(8), Window(size=3, num_layers=9, own=3))
    assert whole.words().endswith("The text's start is reached after 4 layers.")
    assert whole.table().rows[4] == ("layer 4", 0, 7, 8)
    assert whole.table().rows[-1] == ("the embedding", 0, 7, 8)
    free = reach_view(names(8), Window(size=None, num_layers=9), position=3)
    assert free.words().endswith("Token 3 sees all before it in every layer.")


def test_spans_in_words() -> None:
    assert [span(3, 3), span(3, 4), span(3, 1005)] == ["3", "3 and 4", "3 to 1,005"]


def test_what_cannot_be_is_refused() -> None:
    window = Window(size=3, num_layers=2)
    with pytest.raises(ValueError, match="at least 1 token, got 0"):
        Window(size=0, num_layers=2)
    with pytest.raises(ValueError, match="at least 1 layer, got 0"):
        Window(size=None, num_layers=0)
    with pytest.raises(ValueError, match="got 0 tokens"):
        ruler_view((), 0, window)
    with pytest.raises(ValueError, match="prompt of 3"):
        band_mask_view(names(2), 3, window)
    with pytest.raises(ValueError, match="from 1 to 3 tokens, got 4"):
        band_mask_view(names(9), 3, window, shorter=4)
    with pytest.raises(ValueError, match="from 0 to 1, got 2"):
        reach_view(names(2), window, position=2)
