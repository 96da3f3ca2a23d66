"""The chain over logits that were recorded, without the model: the sampler lab's.

Everything that a user can change is an array, so this compiles once for a vocabulary
size, a length of history, and a number of samplers to compare.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from playground.samplers.chain import NO_TOKEN, sample
from playground.samplers.chain_stages import Stages, one_row, stages
from playground.samplers.record import Record, measure
from playground.samplers.values import ChainValues, SamplerValues, encode


def recorded_stages(
    logits: np.ndarray,
    values: SamplerValues,
    seed: int,
    draw: int,
    history: np.ndarray,
) -> tuple[Stages, int]:
    """What each stage of a chain leaves of f32[V] logits, and the token that it draws.

    `draw` is the number of the new token in its run, from 0, and `history` i32[H] as
    for `sample`. The token is NO_TOKEN where nothing is left; the rest is numpy arrays.
    Raises ValueError for a seed outside [0, 2**32).
    """
    made: Stages
    made, token = jax.device_get(
        _stages(
            np.float32(logits),
            encode([values], [seed]),
            np.int32(draw),
            np.int32(history),
        )
    )
    return made, int(token)


def recorded_picks(
    logits: np.ndarray,
    values: Sequence[SamplerValues],
    seed: int,
    draw: int,
    history: np.ndarray,
) -> tuple[np.ndarray, Record]:
    """The token that each of B chains draws from the same logits, and its record.

    Arguments as for `recorded_stages`. Returns i32[B], NO_TOKEN where a chain leaves
    nothing (its record is then token 0's), and the record as numpy arrays.
    """
    rows = encode(values, [seed] * len(values))
    picks: tuple[np.ndarray, Record] = jax.device_get(
        _picks(np.float32(logits), rows, np.int32(draw), np.int32(history))
    )
    return picks


@jax.jit  # again for other shapes of logits and history
def _stages(
    logits: jax.Array, values: ChainValues, draw: jax.Array, history: jax.Array
) -> tuple[Stages, jax.Array]:
    token = sample(logits[None], values, draw[None], history[None])[0]
    return stages(logits, one_row(values), draw, history), token


@jax.jit  # again for other shapes, and another number of rows
def _picks(
    logits: jax.Array, values: ChainValues, draw: jax.Array, history: jax.Array
) -> tuple[jax.Array, Record]:
    rows = values.seed.size
    logits, draw, history = (
        jnp.broadcast_to(each, (rows, *each.shape)) for each in (logits, draw, history)
    )
    tokens = sample(logits, values, draw, history)
    token = jnp.where(tokens == NO_TOKEN, 0, tokens)
    return tokens, measure(logits, values, draw, token, history)
