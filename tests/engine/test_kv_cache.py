"""The ring against full attention in float64."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.engine import kv_cache

QUERY_HEADS, HEADS, HEAD_DIM = 4, 2, 6
ONE_RING = kv_cache.RingPlan.of([None])


def full_attention(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, window: int
) -> np.ndarray:
    """Windowed causal attention of one text: [T, Q, H]."""
    out = np.zeros(query.shape)
    for t in range(len(query)):
        first = max(0, t - window + 1)
        for head in range(query.shape[1]):
            group = head // (QUERY_HEADS // HEADS)
            scores = key[first : t + 1, group] @ query[t, head] / np.sqrt(HEAD_DIM)
            weights = np.exp(scores - scores.max())
            out[t, head] = weights / weights.sum() @ value[first : t + 1, group]
    return out


def ring_attention(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    window: int,
    chunks: list[int],
    max_chunk: int,
    num_slots: int,
) -> np.ndarray:
    """The same through a ring, chunk by chunk, each padded to `max_chunk`."""
    cache = kv_cache.empty(ONE_RING, HEADS, HEAD_DIM, [num_slots], "float32")
    ((keys,), (values,), stored) = cache.rings[0]
    out, start = [], 0
    for count in chunks:

        def padded(
            array: np.ndarray, first: int = start, n: int = count
        ) -> jnp.ndarray:
            rows = np.full((1, max_chunk, *array.shape[1:]), 9.0, np.float32)
            rows[0, :n] = array[first : first + n]
            return jnp.asarray(rows)

        positions, slots, stored = kv_cache.place(
            stored, jnp.array([start]), jnp.array([count]), max_chunk
        )
        keys, values = kv_cache.write(keys, values, padded(key), padded(value), slots)
        seen = kv_cache.visible(positions, stored, jnp.array([window]))
        attended = kv_cache.attend(padded(query), keys, values, seen)
        out.append(np.asarray(attended)[0, :count])
        start += count
    return np.concatenate(out)


def random_text(length: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(seed)
    shapes = (QUERY_HEADS, HEADS, HEADS)
    query, key, value = (numbers.normal(0, 2, (length, n, HEAD_DIM)) for n in shapes)
    return query, key, value


@settings(max_examples=40)
@given(
    window=st.sampled_from([1, 2, 4, 9]),  # each is a shape to compile for
    chunks=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_ring_equals_full_attention_for_any_chunking(
    window: int, chunks: list[int], seed: int
) -> None:
    query, key, value = random_text(sum(chunks), seed)
    slots = window + 4 - 1
    ring = ring_attention(query, key, value, window, chunks, 4, slots)
    # float32 sums of at most 9 terms against float64.
    full = full_attention(query, key, value, window)
    np.testing.assert_allclose(ring, full, atol=2e-5)


@pytest.mark.parametrize(("window", "chunk"), [(3, 2), (5, 4), (2, 4), (8, 3)])
def test_one_slot_fewer_would_be_wrong(window: int, chunk: int) -> None:
    length = 6 * chunk
    query, key, value = random_text(length, 1)
    chunks = [chunk] * 6
    full = full_attention(query, key, value, window)
    slots = window + chunk - 1
    good = ring_attention(query, key, value, window, chunks, chunk, slots)
    bad = ring_attention(query, key, value, window, chunks, chunk, slots - 1)
    np.testing.assert_allclose(good, full, atol=2e-5)
    assert np.abs(bad - full).max() > 0.1


def test_slots_hold_what_the_worked_example_says() -> None:
    stored = jnp.full((1, 4), kv_cache.EMPTY, jnp.int32)
    held = []
    for start in (0, 2, 4):
        positions, slots, stored = kv_cache.place(
            stored, jnp.array([start]), jnp.array([2]), 2
        )
        held.append(stored[0].tolist())
    assert held == [[0, 1, -1, -1], [0, 1, 2, 3], [4, 5, 2, 3]]
    assert positions.tolist() == [[4, 5]]
    assert slots.tolist() == [[0, 1]]
    seen = kv_cache.visible(positions, stored, jnp.array([3]))
    assert seen[0].astype(int).tolist() == [[1, 0, 1, 1], [1, 1, 0, 1]]


def test_padding_of_a_chunk_is_seen_by_nobody() -> None:
    stored = jnp.full((1, 4), kv_cache.EMPTY, jnp.int32)
    positions, _, stored = kv_cache.place(stored, jnp.array([0]), jnp.array([1]), 2)
    assert stored.tolist() == [[0, -1, -1, -1]]
    seen = kv_cache.visible(positions, stored, jnp.array([4]))
    assert seen[0].astype(int).tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]


def test_rows_keep_to_their_own_slots_and_windows() -> None:
    stored = jnp.array([[0, 1, 2, -1], [4, 1, 2, 3]], jnp.int32)
    positions, slots, stored = kv_cache.place(
        stored, jnp.array([3, 5]), jnp.array([1, 1]), 1
    )
    assert slots.tolist() == [[3], [1]]
    assert stored.tolist() == [[0, 1, 2, 3], [4, 5, 2, 3]]
    seen = kv_cache.visible(positions, stored, jnp.array([2, 4]))
    assert seen.astype(int).tolist() == [[[0, 0, 1, 1]], [[1, 1, 1, 1]]]


def test_growing_keeps_what_is_there() -> None:
    plan = kv_cache.RingPlan.of([None, None])
    (ring,) = kv_cache.empty(plan, HEADS, HEAD_DIM, [3], "float32").rings
    filled = kv_cache.Ring(
        tuple(keys + 1 for keys in ring.keys),
        tuple(values + 2 for values in ring.values),
        jnp.array([[0, 1, 2]], jnp.int32),
    )
    (grown,) = kv_cache.grow(kv_cache.KVCache((filled,)), (5,)).rings
    assert grown.positions.tolist() == [[0, 1, 2, -1, -1]]
    assert grown.keys[1].shape == (HEADS, 5, HEAD_DIM)
    assert grown.values[0].shape == (HEADS, HEAD_DIM, 5)
    np.testing.assert_array_equal(grown.keys[1][:, :3], filled.keys[1])
    np.testing.assert_array_equal(grown.values[1][:, :, :3], filled.values[1])


@pytest.mark.parametrize(
    ("end", "window", "max_chunk", "slots"),
    [(10, 100, 8, 10), (107, 100, 8, 107), (5000, 100, 8, 107), (1, 1, 1, 1)],
)
def test_slots_needed_stop_at_window_and_slack(
    end: int, window: int, max_chunk: int, slots: int
) -> None:
    assert kv_cache.slots_needed(end, window, max_chunk) == slots


def test_layers_of_one_window_share_a_ring_and_each_ring_has_its_own_size() -> None:
    plan = kv_cache.RingPlan.of([None, 4, 4, 9, None])
    assert plan.ring_of_layer == (0, 1, 1, 2, 0)
    assert plan.windows == (None, 4, 9)
    # A chunk of 3 needs 2 more slots than the window; the run's window bounds all.
    assert plan.slots(5, 3) == (5, 5, 5)
    assert plan.slots(8, 3) == (8, 6, 8)
    assert plan.slots(40, 3) == (40, 6, 11)
    assert [plan.window(ring, 7) for ring in range(3)] == [7, 4, 7]
    cache = kv_cache.empty(plan, HEADS, HEAD_DIM, plan.slots(40, 3), "float32")
    assert [len(ring.keys) for ring in cache.rings] == [2, 2, 1]
    assert (cache.num_slots, cache.rows) == (40, 1)
    layers = list(plan.layers(cache))
    assert [ring for ring, _ in layers] == [0, 1, 1, 2, 0]
    assert [keys.shape[1] for _, (keys, _) in layers] == [40, 6, 6, 11, 40]
    gathered = plan.gathered(
        [part for _, part in layers], [ring.positions for ring in cache.rings]
    )
    for mine, theirs in zip(gathered.rings, cache.rings, strict=True):
        assert all(a is b for a, b in zip(mine.keys, theirs.keys, strict=True))


def test_a_model_of_one_window_has_the_runs() -> None:
    plan = kv_cache.RingPlan.of([4, 4])
    assert (plan.windows, plan.ring_of_layer) == ((None,), (0, 0))
    assert plan.slots(40, 3) == (40,)
    assert plan.window(0, 9) == 9
