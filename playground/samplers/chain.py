"""From logits to a token: bias and penalties, then the cuts in order, then one draw.

In llama.cpp's order: bias, penalties, DRY, top-n-sigma, top-k, typical-p, top-p, min-p,
epsilon, eta, XTC, temperature. In keras_hub's, temperature comes first of the cuts and
top-k after top-p (cuts.py has an example). The order is a row's own, as are all its
numbers; static are only the shapes of logits and history.

Shapes: B rows, V vocabulary, H history. Private functions are about one row.
"""

import jax
import jax.numpy as jnp
from jax import lax

from playground.samplers.cuts import (
    Kept,
    apply_cuts,
    everything,
    final,
    first_of,
    weights,
)
from playground.samplers.noise import uniform
from playground.samplers.penalties import History, edit
from playground.samplers.values import ChainValues, row_values

NO_TOKEN = -1  # what `sample` gives for a row without any token that may be drawn
BLOCK = 256  # tokens in a block of the two-level draw


def sample(
    logits: jax.Array, values: ChainValues, step: jax.Array, history: History = None
) -> jax.Array:
    """One token id for each row; pure, to be jitted by the caller.

    A row's token depends on that row's logits, values, seed, step and history alone.
    NaN counts as -inf, and -inf is never drawn; +inf takes all the probability.
    Temperature 0 takes the most likely token after bias and penalties, the lowest id of
    equal ones, whatever the cuts (in llama.cpp typical-p and XTC may drop it).

    Args:
        logits: f32[B, V].
        values: one entry a row.
        step: i32[B], the number of the draw in the row's run; each has its own noise.
        history: i32[B, H], the row's last tokens, prompt and answer, oldest first,
            padding of -1 in front; H is as far back as penalties and DRY can look.
            None: there are no penalties.

    Returns: i32[B], in [0, V), or NO_TOKEN where every logit is -inf or NaN, or banned.
    """
    return sample_and_tell(logits, values, step, history)[0]


def sample_and_tell(
    logits: jax.Array, values: ChainValues, step: jax.Array, history: History = None
) -> tuple[jax.Array, Kept]:
    """The same, and what each cut left of each row [B, len(CUTS)]: `measure` needs it.

    A loop, not vmap: batched sums round differently for different B, and in a loop each
    row takes only its own branch and its own number of bisection steps.
    """
    rows = (logits, values, step, history)
    told: tuple[jax.Array, Kept] = lax.map(lambda row: _sample_row(*row), rows)
    return told


def _sample_row(
    logits: jax.Array, values: ChainValues, step: jax.Array, history: History
) -> tuple[jax.Array, Kept]:
    row = row_values(values, step)
    logits = edit(logits, row, history)
    before = everything(logits)
    after = apply_cuts(logits, before, row)

    def most_likely() -> jax.Array:
        return first_of(logits, before.high)

    def drawn() -> jax.Array:
        return _draw(weights(logits, final(after)), uniform(row.seed, row.step))

    token = lax.cond(row.numbers["temperature"] > 0, drawn, most_likely)
    return jnp.where(before.high > -jnp.inf, token, jnp.int32(NO_TOKEN)), after


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
