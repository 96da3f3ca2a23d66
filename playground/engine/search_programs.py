"""The small compiled programs of the searches, beside the model's `forward`.

A search reads several continuations of one text at once, each in a row of its own.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from playground.engine.kv_cache import KVCache, Ring


@partial(jax.jit, donate_argnames="cache")
def share_position(cache: KVCache, row: jax.Array, position: jax.Array) -> KVCache:
    """Give what `row` holds at `position` to all rows, which are otherwise alike.

    Rows that differ in their last token only become one text again, at the cost of one
    slot and not of a whole ring.
    """
    zero = jnp.int32(0)

    def share(layer: jax.Array, start: list[jax.Array], size: list[int]) -> jax.Array:
        heads = layer.shape[0] // cache.rows
        mine = lax.dynamic_slice(layer, [row * heads, *start], [heads, *size])
        everyone = jnp.tile(mine, (cache.rows, 1, 1))
        return lax.dynamic_update_slice(layer, everyone, [zero, *start])

    def shared(ring: Ring) -> Ring:
        slot, head_dim = position % ring.num_slots, ring.keys[0].shape[-1]
        return Ring(
            keys=tuple(share(k, [slot, zero], [1, head_dim]) for k in ring.keys),
            values=tuple(share(v, [zero, slot], [head_dim, 1]) for v in ring.values),
            positions=ring.positions,
        )

    return KVCache(tuple(map(shared, cache.rings)))


@jax.jit
def extend_beams(
    logits: jax.Array, scores: jax.Array, temperature: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The best 2 * B continuations by one token of B texts.

    logits [B, V] (or [1, V] for all), scores [B]: log-probabilities of the texts, -inf
    for a row to leave out. Gives scores, rows and tokens, each [2 * B], best first;
    where two are equal, the lower row and token comes first.
    """
    rows, vocabulary = scores.shape[0], logits.shape[1]
    totals = scores[:, None] + jax.nn.log_softmax(logits / temperature)
    # The best of all are among the best of each row, and short rows are quick to sort.
    best, tokens = lax.top_k(totals, min(2 * rows, vocabulary))
    totals, order = lax.top_k(best.reshape(-1), min(2 * rows, best.size))
    return totals, order // best.shape[1], tokens.reshape(-1)[order]


@partial(jax.jit, static_argnames="k")
def likeliest(
    logits: jax.Array, row: jax.Array, temperature: jax.Array, k: int
) -> tuple[jax.Array, jax.Array]:
    """The k likeliest tokens of a row of logits [B, V]: probabilities and ids [k]."""
    probabilities = jax.nn.softmax(logits[row] / temperature)
    return lax.top_k(probabilities, k)


@jax.jit
def most_similar(history: jax.Array, length: jax.Array, hidden: jax.Array) -> jax.Array:
    """The largest cosine of each hidden state with those before it, [B].

    history [C, d] holds the hidden states of `length` tokens, hidden [B, 1, d] those of
    the candidates.
    """
    cosines = _unit(hidden[:, 0]) @ _unit(history).T
    before = jnp.arange(history.shape[0]) < length
    return jnp.where(before, cosines, -1).max(axis=-1)


@partial(jax.jit, donate_argnames="history")
def remember(
    history: jax.Array, hidden: jax.Array, row: jax.Array, length: jax.Array
) -> jax.Array:
    """history [C, d] with row `row` of hidden [B, 1, d] at index `length`."""
    chosen = hidden[row].astype(history.dtype)
    return lax.dynamic_update_slice(history, chosen, [length, jnp.int32(0)])


def _unit(vectors: jax.Array) -> jax.Array:
    """Vectors [..., d] of length 1, in float32; a vector of zeros stays one."""
    vectors = vectors.astype(jnp.float32)
    lengths = jnp.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / jnp.where(lengths > 0, lengths, jnp.float32(1))
