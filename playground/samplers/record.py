"""What is worth knowing about a chosen token: how likely, how sure, what was left."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from playground.samplers.chain_stages import probabilities, tally, walk_row
from playground.samplers.cuts import distance, everything, weights
from playground.samplers.penalties import History
from playground.samplers.values import ChainValues, row_values

CANDIDATES = 20


class Record(NamedTuple):
    """What is recorded of each row; S = len(STAGES), C = min(CANDIDATES, V).

    "Model" is softmax of the logits as they came, "chain" the distribution from which
    the token was drawn. Logarithms are natural, so entropy is in nats.
    """

    logprob: jax.Array  # f32[B], of the token under the model
    chain_logprob: jax.Array  # f32[B]; -inf if the chain drops the token
    rank: jax.Array  # i32[B], 1 for the model's likeliest; equal ones share a rank
    entropy: jax.Array  # f32[B], of the model
    choices: jax.Array  # f32[B], exp(entropy): as unsure as among so many equal
    stage: jax.Array  # i32[B, S], indices of STAGES, or NO_STAGE
    tokens: jax.Array  # i32[B, S], left after each stage
    kept: jax.Array  # f32[B, S], the probability that the model gives to these
    top_tokens: jax.Array  # i32[B, C], the model's likeliest, first the first
    top_probabilities: jax.Array  # f32[B, C], under the model
    top_chain_probabilities: jax.Array  # f32[B, C], under the chain


def measure(
    logits: jax.Array,
    values: ChainValues,
    step: jax.Array,
    token: jax.Array,
    history: History = None,
) -> Record:
    """The record of a token in each row; pure, to be jitted by the caller.

    Arguments as for `sample`, the ones that the token was drawn with; `token` is
    i32[B], any id in [0, V): the chosen one, or one that is asked about.
    """
    rows = (logits, values, step, token, history)
    record: Record = lax.map(lambda row: _measure_row(*row), rows)
    return record


def _measure_row(
    logits: jax.Array,
    values: ChainValues,
    step: jax.Array,
    token: jax.Array,
    history: History,
) -> Record:
    walk = walk_row(logits, row_values(values, step), history)
    raw, whole = walk.edited[0], everything(walk.edited[0])
    model = probabilities(raw, whole)
    chain = probabilities(
        walk.edited[-1], jax.tree.map(lambda each: each[-1], walk.kept)
    )
    entropy = -jnp.where(model > 0, model * jnp.log(model), 0).sum()
    tokens, kept = tally(walk, model)
    # Without the barrier XLA may sort the whole row for it.
    top = lax.optimization_barrier(lax.top_k(raw, min(CANDIDATES, raw.size))[1])
    return Record(
        logprob=distance(raw, whole)[token] - jnp.log(weights(raw, whole).sum()),
        chain_logprob=jnp.log(chain[token]),
        rank=1 + (raw > raw[token]).sum(dtype=jnp.int32),
        entropy=entropy,
        choices=jnp.exp(entropy),
        stage=walk.stage,
        tokens=tokens,
        kept=kept,
        top_tokens=top,
        top_probabilities=model[top],
        top_chain_probabilities=chain[top],
    )
