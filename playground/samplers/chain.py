"""From logits to a token: temperature, then top-k, then top-p, then one draw.

Every number a person can change is an array with one entry a row, so no change of
them compiles anything; static is only the shape of the logits.

Shapes: B rows, V vocabulary. Private functions are about one row.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from playground.samplers.checks import MAX_SEED
from playground.samplers.samplers import SamplerValues
from playground.samplers.thresholds import top_k_threshold, top_p_threshold

NO_TOKEN = -1  # what `sample` gives for a row whose logits are all -inf or NaN
MAX_INT32 = 2**31 - 1
BLOCK = 256  # tokens in a block of the two-level draw


class ChainValues(NamedTuple):
    """The sampler's numbers of every row; see SamplerValues for ranges.

    numpy arrays from `encode`; inside a program jax's.
    """

    temperature: jax.Array  # f32[B]
    top_k: jax.Array  # i32[B]
    top_p: jax.Array  # f32[B]
    seed: jax.Array  # u32[B]


def encode(values: Sequence[SamplerValues], seeds: Sequence[int]) -> ChainValues:
    """The rows' numbers as arrays of fixed dtype, ready for a jitted `sample`.

    Python numbers would compile again for each type, and weakly typed arrays beside
    strong ones too.

    Raises ValueError unless there is one seed a row, each in [0, 2**32).
    """
    if len(values) != len(seeds):
        raise ValueError(
            f"Expected one seed a row, got {len(values)} rows and {len(seeds)} seeds."
        )
    if outside := [seed for seed in seeds if not 0 <= seed <= MAX_SEED]:
        raise ValueError(
            f"Seeds must be whole numbers from 0 to {MAX_SEED}, got {outside}."
        )
    arrays: tuple[Any, ...] = (
        np.array([row.temperature for row in values], np.float32),
        np.array([min(row.top_k, MAX_INT32) for row in values], np.int32),
        np.array([row.top_p for row in values], np.float32),
        np.array(seeds, np.uint32),
    )
    return ChainValues(*arrays)


def sample(logits: jax.Array, values: ChainValues, step: jax.Array) -> jax.Array:
    """One token id for each row; pure, to be jitted by the caller.

    A row's token depends on that row's logits, values, seed and step alone. NaN counts
    as -inf, and -inf is never drawn; +inf takes all the probability.

    Args:
        logits: f32[B, V].
        values: one entry a row.
        step: i32[B], the number of the draw in the row's run; each has its own noise.

    Returns: i32[B], in [0, V), or NO_TOKEN where every logit is -inf or NaN.
    """
    # A loop, not vmap: batched sums round differently for different B, and in a loop
    # each row takes only its own branch and its own number of bisection steps.
    tokens: jax.Array = lax.map(lambda row: _sample_row(*row), (logits, values, step))
    return tokens


def _sample_row(logits: jax.Array, values: ChainValues, step: jax.Array) -> jax.Array:
    logits = jnp.where(jnp.isnan(logits), -jnp.inf, logits)

    def drawn() -> jax.Array:
        return _draw(_kept_weights(logits, values), _uniform(values.seed, step))

    def most_likely() -> jax.Array:
        return logits.argmax().astype(jnp.int32)

    token = lax.cond(values.temperature > 0, drawn, most_likely)
    return jnp.where(logits.max() > -jnp.inf, token, jnp.int32(NO_TOKEN))


def _kept_weights(logits: jax.Array, values: ChainValues) -> jax.Array:
    """Probabilities up to a factor, f32[V]; 0 for what top-k or top-p drops.

    Both cuts are made on the same distribution, the one after temperature, so top_p
    counts what top_k drops too (as keras_hub does).
    """
    weights = _weights(logits, values.temperature)
    kept = logits >= top_k_threshold(logits, values.top_k)
    kept &= weights >= top_p_threshold(weights, values.top_p)
    return jnp.where(kept, weights, jnp.float32(0))


def _weights(logits: jax.Array, temperature: jax.Array) -> jax.Array:
    """Probabilities up to a factor, f32[V]; exactly 1 for the most likely token."""
    peak = logits.max()
    # inf - inf is NaN, so the peak's own distance is written down, not computed.
    distance = jnp.where(logits == peak, jnp.float32(0), (logits - peak) / temperature)
    return jnp.exp(distance)


def _uniform(seed: jax.Array, step: jax.Array) -> jax.Array:
    """f32[2] in [0, 1), the noise of one draw."""
    key = jax.random.fold_in(jax.random.key(seed), step)
    return jax.random.uniform(key, (2,), jnp.float32)


def _draw(weights: jax.Array, uniform: jax.Array) -> jax.Array:
    """An index drawn by weight: first a block of tokens, then a token inside it."""
    blocks = jnp.pad(weights, (0, -weights.size % BLOCK)).reshape(-1, BLOCK)
    block = _first_past(blocks.sum(-1), uniform[0])
    return block * BLOCK + _first_past(blocks[block], uniform[1])


def _first_past(weights: jax.Array, uniform: jax.Array) -> jax.Array:
    """Inverse CDF: the first index whose cumulative weight exceeds uniform * total.

    Only indices of positive weight can be returned, however the sums round: the others
    are left out, and if no sum exceeds the target the last index of positive weight is.
    """
    positive = weights > 0
    cumulative = weights.cumsum()
    past = positive & (cumulative > uniform * cumulative[-1])
    last = weights.size - 1 - positive[::-1].argmax()
    return jnp.where(past.any(), past.argmax(), last).astype(jnp.int32)
