"""The ring that is shown is the one that the engine has."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.engine import Request, decode, kv_cache
from playground.engine.chunks import Chunk
from playground.engine.kept_texts import KeptText, KeptTexts
from playground.engine.programs import Programs
from playground.samplers import GreedySampler
from playground.views.memory import CacheSize, in_words, memory_view
from playground.views.ring import NO_SLOT, RingView, ring_view, write
from tests.conftest import tiny_model


@pytest.fixture(scope="module")
def programs() -> Programs:
    """Window 7, chunks of 2 and 5, rings of 5 and 11 slots: short texts wrap."""
    return Programs(tiny_model(num_layers=1), chunks=(2, 5), first_slots=5)


def ran(programs: Programs, num_prompt: int, new: int, window: int | None) -> KeptText:
    """The cache that a real run leaves."""
    kept = KeptTexts()
    request = Request(
        token_ids=tuple(range(5, 5 + num_prompt)),
        max_new_tokens=new,
        sampler=GreedySampler().values(),
        seed=0,
        stop_token_ids=frozenset(),
        sliding_window=window,
        owner="me",
    )
    list(decode(programs, request, kept=kept))
    text = kept.take("me")
    assert text is not None
    return text


def shown(
    programs: Programs, text: KeptText, num_prompt: int, window: int | None
) -> RingView:
    return ring_view(
        tuple(map(str, text.token_ids)),
        num_prompt,
        programs.window(window),
        programs.slots_for,
        chunks=programs.chunks,
    )


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize(("num_prompt", "new"), [(13, 1), (8, 21)])
def test_it_holds_what_the_engines_cache_holds(programs, num_prompt, new, window):
    text = ran(programs, num_prompt, new, window)
    view = shown(programs, text, num_prompt, window)
    assert view.now.tolist() == np.asarray(text.cache.rings[0].positions)[0].tolist()
    assert view.num_read == len(text.token_ids)


def test_what_the_last_token_sees_is_what_the_engine_lets_it_see(programs):
    text = ran(programs, 8, 21, None)
    view = shown(programs, text, 8, None)
    last = np.array([[view.num_read - 1]])
    seen = kv_cache.visible(last, text.cache.rings[0].positions, np.array([7]))
    assert view.seen.tolist() == np.asarray(seen)[0, 0].tolist()
    assert view.seen.sum() == 7


@settings(max_examples=30)
@given(data=st.data())
def test_writing_is_the_engines_writing(data):
    num_slots = data.draw(st.sampled_from([3, 5]))
    mine, start = np.full(num_slots, kv_cache.EMPTY), 0
    theirs = jnp.asarray(mine[None], jnp.int32)
    for _ in range(data.draw(st.integers(1, 5))):
        count = data.draw(st.integers(1, 3))
        step = Chunk(start, count, 3)
        mine = write(mine, step, num_slots)
        _, _, theirs = kv_cache.place(theirs, jnp.array([start]), jnp.array([count]), 3)
        assert mine.tolist() == np.asarray(theirs)[0].tolist()
        start += count


def test_a_ring_by_hand():
    """The example of the module: window 3, chunks of at most 2, so 4 slots."""
    view = ring_view(tuple("abcde"), 3, 3, lambda *_: 4, chunks=(1, 2))
    assert view.read.tolist() == [2, 3, 4, 5]
    assert view.held.tolist() == [
        [0, 1, -1, -1],
        [0, 1, 2, -1],
        [0, 1, 2, 3],
        [4, 1, 2, 3],
    ]
    assert view.seen.tolist() == [True, False, True, True]
    assert view.num_overwritten == 1
    assert view.words() == (
        "5 tokens were read; the ring of 4 slots holds positions 1 to 4, and position "
        "p lies in slot p mod 4. The last token sees 3 of them. 1 was overwritten (0)."
    )
    assert view.table().rows[0] == (0, 4, "e", "seen", "0")
    assert view.table().rows[1] == (1, 1, "b", "out of the window", "")


def test_a_ring_that_grows_says_which_slots_were_not_there(programs):
    view = ring_view(tuple("x" * 12), 3, 7, programs.slots_for, chunks=(2, 5))
    assert view.held[0].tolist() == [0, 1, -1, -1, -1, *[NO_SLOT] * 6]
    assert (view.now != NO_SLOT).all()


def test_a_chunks_padding_takes_slots_too():
    view = ring_view(tuple("abc"), 3, 7, lambda end, _: end, chunks=(2, 5))
    assert view.now.tolist() == [0, 1, 2, -1]


def test_a_long_run_is_told_in_few_moments(programs):
    view = ring_view(
        tuple("x" * 5000), 1000, 7, programs.slots_for, chunks=(2, 5), max_moments=20
    )
    assert len(view.read) == 20
    assert view.read[-1] == 5000
    assert view.now.max() == 4999


def test_a_ring_needs_a_prompt(programs):
    with pytest.raises(ValueError, match="got 3 tokens with a prompt of 0"):
        ring_view(tuple("abc"), 0, 7, programs.slots_for)


def test_bytes_are_those_of_the_real_cache(programs):
    text = ran(programs, 8, 21, None)
    slots = text.cache.num_slots
    view = memory_view(programs.model.backbone, 28, slots, 7, programs.chunks[-1])
    assert view.sizes[0].num_bytes == text.num_bytes
    ring, full, whole, half, alone = view.sizes
    assert (ring.slots, full.slots, whole.slots) == (slots, 11, 28)
    # A layer, 2 of 4 heads, head_dim 10, keys and values: 40 numbers a slot.
    assert whole.num_bytes == 28 * (40 * 4 + 4)
    assert half == CacheSize(
        what="The ring in bfloat16",
        slots=slots,
        heads=2,
        dtype="bfloat16",
        num_bytes=slots * (40 * 2 + 4),
    )
    assert alone.num_bytes == slots * (80 * 4 + 4)
    assert view.words().startswith("This run's ring: 1.8 KB.")


def test_bytes_in_words():
    sizes = [1, 820, 1500, 88_500_000, 2_000_000_000]
    words = ["1 byte", "820 bytes", "1.5 KB", "88.5 MB", "2 GB"]
    assert list(map(in_words, sizes)) == words
