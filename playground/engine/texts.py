"""The newest tokens of some texts, and the small programs that draw the next ones."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from playground.controls import LAST_TOKENS
from playground.samplers import ChainValues
from playground.samplers.chain import sample_and_tell
from playground.samplers.cuts import Kept

HISTORY = LAST_TOKENS
"""How many of the last tokens penalties can look at."""


class Texts(NamedTuple):
    """The newest token of each row [B], and up to HISTORY before it [B, H]."""

    history: np.ndarray | jax.Array
    tokens: np.ndarray | jax.Array


def texts_of(token_ids: Sequence[Sequence[int]]) -> Texts:
    """The texts of some rows, each of at least one token, as `sample` takes them."""
    history = np.full((len(token_ids), HISTORY), -1, np.int32)
    for row, ids in enumerate(token_ids):
        before = ids[-HISTORY - 1 : -1]
        history[row, HISTORY - len(before) :] = before
    return Texts(history, np.array([ids[-1] for ids in token_ids], np.int32))


def sample_next(
    logits: jax.Array,
    values: ChainValues,
    step: jax.Array,
    history: jax.Array,
    tokens: jax.Array,
) -> tuple[jax.Array, jax.Array, Kept]:
    """The history [B, H] with the newest tokens [B], those drawn behind it [B], and
    what the cuts left."""
    history = jnp.concatenate([history[:, 1:], tokens[:, None]], axis=1)
    return history, *sample_and_tell(logits, values, step, history)


def probabilities(logits: jax.Array, temperature: jax.Array) -> jax.Array:
    """Softmax of logits [1, V] over a temperature; at 0, all on the likeliest token."""
    peak = logits >= logits.max(axis=-1, keepdims=True)
    scaled = logits / jnp.where(temperature > 0, temperature, jnp.float32(1))
    greedy = jnp.where(peak, jnp.float32(0), -jnp.inf)
    return jax.nn.softmax(jnp.where(temperature > 0, scaled, greedy), axis=-1)
