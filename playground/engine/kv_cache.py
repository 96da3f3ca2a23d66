"""Rings of keys and values that remember the position of every slot.

Letters: B rows, T new tokens, S slots, K key/value heads, Q query heads, H head dim.

Position p lives in slot p % S, so a ring of S slots holds the last S positions and the
memory never grows past them. `positions` says which position each slot holds, -1 where
it holds none; the mask is read off it, so prefill in chunks, decoding, padding and a
wrapped ring are one path.

Worked example: window 3, chunks of at most 2, so S = 3 + 2 - 1 = 4 slots.

    after writing positions   slots hold        who is seen
    0 1                       [0, 1, -, -]      1 sees 0 1
    2 3                       [0, 1, 2, 3]      3 sees 1 2 3
    4 5                       [4, 5, 2, 3]      4 sees 2 3 4, 5 sees 3 4 5

With 3 slots, writing 4 and 5 would have destroyed 2, which 4 still sees. The same slack
makes padding harmless: a chunk of T writes T slots even where it has fewer tokens, and
what that destroys is out of every later token's window.

Layers of one window share a ring's positions, so a cache has a ring for each distinct
window, and its memory follows each of them.

Keys lie as [B*K, S, H] and values as [B*K, H, S], so that what a new token sums up
over lies together: a key's numbers for its score, a channel's values over all slots.
With one merged batch dimension XLA on CPU updates both in place.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from playground.engine.sums import sums

EMPTY = -1
FEW_QUERIES = 8  # for one head: those of its group, times the new tokens


LayerCache = tuple[jax.Array, jax.Array]
"""Keys [B*K, S, H] and values [B*K, H, S] of one layer."""


class Ring(NamedTuple):
    """The keys and values of the layers that have one window, of B rows."""

    keys: tuple[jax.Array, ...]  # each [B*K, S, H]
    values: tuple[jax.Array, ...]  # each [B*K, H, S]
    positions: jax.Array  # [B, S] int32

    @property
    def num_slots(self) -> int:
        return self.positions.shape[1]


class KVCache(NamedTuple):
    """A ring for each distinct window. `ring_of_layer` says which layer has which."""

    rings: tuple[Ring, ...]

    @property
    def rows(self) -> int:
        return self.rings[0].positions.shape[0]

    @property
    def num_slots(self) -> int:
        """Those of the largest ring; they tell how large the others are."""
        return max(ring.num_slots for ring in self.rings)


@dataclass(frozen=True)
class RingPlan:
    """Which ring each layer's keys and values are in, and how far each ring reaches.

    `windows` are the models' own, one a ring; None reaches as far as the run's window.
    The layers of [None, 4, 4] have the rings 0, 1, 1 with the windows None and 4. A
    model whose layers have one window has one ring, whose window is the run's.
    """

    ring_of_layer: tuple[int, ...]
    windows: tuple[int | None, ...]

    @classmethod
    def of(cls, layer_windows: Sequence[int | None]) -> "RingPlan":
        distinct = tuple(dict.fromkeys(layer_windows))
        rings = tuple(distinct.index(window) for window in layer_windows)
        return cls(rings, distinct if len(distinct) > 1 else (None,))

    def window(self, ring: int, run_window: Any) -> Any:
        """What a ring's layers see in a run of that window: the narrower of both."""
        own = self.windows[ring]
        if own is None:
            return run_window
        smaller = min if isinstance(run_window, int) else jnp.minimum
        return smaller(run_window, own)

    def slots(self, num_slots: int, max_chunk: int) -> tuple[int, ...]:
        """The rings' sizes beside a largest one of `num_slots`."""
        return tuple(
            num_slots if own is None else min(num_slots, own + max_chunk - 1)
            for own in self.windows
        )

    def layers(self, cache: KVCache) -> Iterator[tuple[int, LayerCache]]:
        """Each layer's ring, and its keys and values."""
        parts = [zip(ring.keys, ring.values, strict=True) for ring in cache.rings]
        for ring in self.ring_of_layer:
            yield ring, next(parts[ring])

    def gathered(
        self, parts: Sequence[LayerCache], positions: Sequence[jax.Array]
    ) -> KVCache:
        """The cache of every layer's keys and values, and every ring's positions."""
        rings = []
        for ring, stored in enumerate(positions):
            mine = [
                part
                for part, of in zip(parts, self.ring_of_layer, strict=True)
                if of == ring
            ]
            keys, values = zip(*mine, strict=True)
            rings.append(Ring(keys, values, stored))
        return KVCache(tuple(rings))


def empty(
    plan: RingPlan,
    num_key_value_heads: int,
    head_dim: int,
    slots: Sequence[int],
    dtype: str,
    rows: int = 1,
    put: Callable[[Any], Any] = jax.device_put,
) -> KVCache:
    """A cache with nothing in it, a ring of each number of `slots`.

    `put` brings it from the host to the devices.
    """
    merged, kind = rows * num_key_value_heads, jnp.dtype(dtype)
    rings: list[Any] = []
    for ring, size in enumerate(slots):
        layers = range(plan.ring_of_layer.count(ring))
        keys = tuple(np.zeros((merged, size, head_dim), kind) for _ in layers)
        values = tuple(np.zeros((merged, head_dim, size), kind) for _ in layers)
        positions: Any = np.full((rows, size), EMPTY, np.int32)
        rings.append(Ring(keys, values, positions))  # type: ignore[arg-type]  # on the host
    return KVCache(put(tuple(rings)))


def slots_needed(end: int, window: int, max_chunk: int) -> int:
    """Slots that a row needs before writing up to position `end` (exclusive).

    Up to the ring's full size every position keeps its own slot; from there on
    `window + max_chunk - 1` slots are enough for any length.
    """
    return min(end, window + max_chunk - 1)


def grow(cache: KVCache, slots: Sequence[int]) -> KVCache:
    """The same content in larger rings; only before one that grows has wrapped."""

    def grown(ring: Ring, num_slots: int) -> Ring:
        more = num_slots - ring.num_slots
        empty = jnp.pad(ring.positions, ((0, 0), (0, more)), constant_values=EMPTY)
        return Ring(
            keys=tuple(jnp.pad(k, ((0, 0), (0, more), (0, 0))) for k in ring.keys),
            values=tuple(jnp.pad(v, ((0, 0), (0, 0), (0, more))) for v in ring.values),
            positions=empty,
        )

    return KVCache(tuple(map(grown, cache.rings, slots)))


def place(
    stored: jax.Array, start: jax.Array, count: jax.Array, num_new: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Where `num_new` tokens from position `start` go; the first `count` are real.

    stored [B, S], start [B], count [B] -> (query positions [B, T], slots [B, T], the
    new stored positions [B, S]). Padding gets the position EMPTY, so nobody sees it.
    """
    offsets = jnp.arange(num_new, dtype=jnp.int32)
    positions = start[:, None] + offsets
    slots = positions % stored.shape[1]
    positions = jnp.where(offsets < count[:, None], positions, EMPTY)
    rows = jnp.arange(stored.shape[0], dtype=jnp.int32)[:, None]
    return positions, slots, stored.at[rows, slots].set(positions)


def visible(
    query_positions: jax.Array, key_positions: jax.Array, window: jax.Array
) -> jax.Array:
    """Who sees whom: [B, T] and [B, S] positions, window [B] -> bool [B, T, S].

    A token sees itself and the `window - 1` tokens before it. With window 3, the query
    at 5 over the slots [4, 5, 2, 3] gives [1, 1, 0, 1].
    """
    keys = key_positions[:, None, :]
    distance = query_positions[:, :, None] - keys
    return (keys >= 0) & (distance >= 0) & (distance < window[:, None, None])


def key_layout(key: jax.Array) -> jax.Array:
    """[B, T, K, H] -> [B*K, T, H], the layout of cached keys."""
    rows, num_new, heads, head_dim = key.shape
    return key.transpose(0, 2, 1, 3).reshape(rows * heads, num_new, head_dim)


def value_layout(value: jax.Array) -> jax.Array:
    """[B, T, K, H] -> [B*K, H, T], the layout of cached values."""
    rows, num_new, heads, head_dim = value.shape
    return value.transpose(0, 2, 3, 1).reshape(rows * heads, head_dim, num_new)


def write(
    keys: jax.Array,
    values: jax.Array,
    key: jax.Array,
    value: jax.Array,
    slots: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Put new keys and values [B, T, K, H] into their slots [B, T] of one layer."""
    rows, num_new, heads, _ = key.shape
    key, value = key_layout(key), value_layout(value)
    zero = jnp.int32(0)
    for row in range(rows):
        mine = slice(row * heads, (row + 1) * heads)
        if num_new == 1:  # A slice update is done in place and costs nothing.
            first, slot = jnp.int32(row * heads), slots[row, 0]
            keys = lax.dynamic_update_slice(keys, key[mine], (first, slot, zero))
            values = lax.dynamic_update_slice(values, value[mine], (first, zero, slot))
        else:
            keys = keys.at[mine, slots[row]].set(key[mine])
            values = values.at[mine, :, slots[row]].set(value[mine])
    return keys, values


def attend(
    query: jax.Array, keys: jax.Array, values: jax.Array, seen: jax.Array
) -> jax.Array:
    """Scaled dot-product attention over one layer of the cache.

    query [B, T, Q, H], keys [B*K, S, H], values [B*K, H, S], seen [B, T, S] ->
    [B, T, Q, H]. Query head q reads key/value head q // (Q / K). The softmax is in
    float32; its sum is divided out after the second product, which saves a pass over S.
    """
    rows, num_new, query_heads, head_dim = query.shape
    weights, total = _exponentials(query, keys, seen)
    attended = _products(weights.astype(values.dtype), values).astype(values.dtype)
    attended = attended / total.astype(attended.dtype)
    attended = attended.reshape(rows, keys.shape[0] // rows, -1, num_new, head_dim)
    attended = attended.transpose(0, 3, 1, 2, 4)
    return attended.reshape(rows, num_new, query_heads, head_dim)


def attention_weights(query: jax.Array, keys: jax.Array, seen: jax.Array) -> jax.Array:
    """The weights by which `attend` mixes the values: float32 [B, Q, T, S]."""
    rows, num_new, query_heads, _ = query.shape
    weights, total = _exponentials(query, keys, seen)
    return (weights / total).reshape(rows, query_heads, num_new, -1)


def _exponentials(
    query: jax.Array, keys: jax.Array, seen: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The softmax before its division: [B*K, Q/K * T, S], and sums with S = 1."""
    rows, num_new, query_heads, head_dim = query.shape
    heads = keys.shape[0] // rows
    group = query_heads // heads
    query = query.reshape(rows, num_new, heads, group, head_dim)
    query = query.transpose(0, 2, 3, 1, 4) * jnp.asarray(head_dim**-0.5, query.dtype)
    query = query.reshape(rows * heads, group * num_new, head_dim)
    scores = _products(query, keys)
    scores = scores.reshape(rows, heads, group, num_new, -1)
    # Finite, so that a padded query, which sees nobody, gives some mean and not NaN.
    lowest = jnp.finfo(jnp.float32).min
    scores = jnp.where(seen[:, None, None], scores, lowest)
    scores = scores.reshape(rows * heads, group * num_new, -1)
    weights = jnp.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights, weights.sum(axis=-1, keepdims=True)


def _products(some: jax.Array, cached: jax.Array) -> jax.Array:
    """[N, G, i] times the rows of [N, o, i]: float32 [N, G, o].

    For the queries of one new token, what is cached is read once on CPU.
    """
    group = some.shape[1]
    if 1 < group <= FEW_QUERIES and jax.default_backend() == "cpu":
        some = some.astype(jnp.float32)
        each = [cached * some[:, query, None] for query in range(group)]
        return jnp.stack(sums(each), axis=1)
    return jnp.einsum("ngi,noi->ngo", some, cached, preferred_element_type=jnp.float32)
