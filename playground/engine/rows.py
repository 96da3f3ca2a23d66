"""The rows of a cache: how many, and how they come, go and change places.

The number of rows is the next power of two, so that few shapes compile; rows that
nobody needs are read along and ignored.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from playground.engine.kv_cache import KVCache


def rows_for(wanted: int) -> int:
    """Rows of a cache for `wanted` texts: 1, 2, 4, 8, ..."""
    return 1 << (wanted - 1).bit_length()


@partial(jax.jit, static_argnames="rows")
def repeat_rows(cache: KVCache, rows: int) -> KVCache:
    """A cache of one row, `rows` times."""
    return jax.tree.map(
        lambda part: jnp.tile(part, (rows, *[1] * (part.ndim - 1))), cache
    )


@jax.jit
def select_rows(cache: KVCache, rows: jax.Array) -> KVCache:
    """The rows `rows` [B] of a cache, in this order."""

    def of(part: jax.Array) -> jax.Array:
        by_row = part.reshape(cache.rows, -1, *part.shape[1:])
        return by_row[rows].reshape(-1, *part.shape[1:])

    return jax.tree.map(of, cache)


@partial(jax.jit, donate_argnames="cache")
def put_row(cache: KVCache, one: KVCache, row: jax.Array) -> KVCache:
    """The cache with that of one text, equally large, as its row `row`."""

    def put(part: jax.Array, mine: jax.Array) -> jax.Array:
        return lax.dynamic_update_slice_in_dim(part, mine, row * mine.shape[0], 0)

    return jax.tree.map(put, cache, one)
