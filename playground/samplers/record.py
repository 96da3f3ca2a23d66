"""What is worth knowing about a chosen token: how likely, how sure, what was left."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from playground.samplers.chain_stages import probabilities, tally, walk_row
from playground.samplers.cuts import Kept, distance, everything, final, mean, weights
from playground.samplers.penalties import History
from playground.samplers.values import ChainValues, RowValues, row_values

CANDIDATES = 20
BLOCK = 256  # tokens in a block of the two-level search for them
LARGE = 2 * CANDIDATES * BLOCK  # vocabulary from which on it is faster than one level


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


class Draw(NamedTuple):
    """What `sample_and_tell` was given and gave, for each row of one step."""

    logits: jax.Array  # f32[B, V]
    history: jax.Array  # i32[B, H]
    tokens: jax.Array  # i32[B]
    after: Kept  # [B, len(CUTS)], what each cut left


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

    def of_row(row: tuple[Any, ...]) -> Record:
        logits, values, step, token, history = row
        return _measure_row(logits, row_values(values, step), token, history)

    record: Record = lax.map(of_row, (logits, values, step, token, history))
    return record


def measure_drawn(
    draws: Sequence[Draw], values: ChainValues, places: jax.Array, count: jax.Array
) -> Record:
    """The records of tokens that were drawn in several steps of the same B rows.

    The cuts are not made once more: each draw tells what they left.

    Args:
        draws: N of them, each of B rows.
        values: one entry a row, the same in all steps.
        places: i32[N * B], whose records are wanted: step * B + row, the first `count`.

    Returns: [N * B]; what was not wanted is 0.
    """
    flat = jax.tree.map(lambda *each: jnp.concatenate(each), *draws)
    rows = values.seed.size

    def of_place(place: jax.Array) -> Record:
        draw = jax.tree.map(lambda each: each[place], flat)
        row = jax.tree.map(lambda each: each[place % rows], values)
        unused = jnp.int32(0)  # the number of the draw, which only cuts look at
        return _measure_row(
            draw.logits, row_values(row, unused), draw.tokens, draw.history, draw.after
        )

    def put(turn: jax.Array, made: Record) -> Record:
        place = places[turn]
        pairs = zip(made, of_place(place), strict=True)
        return Record(*(all_.at[place].set(one) for all_, one in pairs))

    one = jax.eval_shape(of_place, jax.ShapeDtypeStruct((), jnp.int32))
    empty = jax.tree.map(lambda e: jnp.zeros((places.size, *e.shape), e.dtype), one)
    record: Record = lax.fori_loop(0, count, put, empty)
    return record


def _measure_row(
    logits: jax.Array,
    row: RowValues,
    token: jax.Array,
    history: History,
    after: Kept | None = None,
) -> Record:
    walk = walk_row(logits, row, history, after)
    raw, whole = walk.edited[0], everything(walk.edited[0])
    model = probabilities(raw, whole)
    chain = probabilities(walk.edited[-1], final(walk.after))
    likely, x = weights(raw, whole), distance(raw, whole)
    log_total = jnp.log(likely.sum())
    entropy = log_total - mean(x, likely)
    tokens, kept = tally(walk, model)
    top = likeliest(raw, min(CANDIDATES, raw.size))
    return Record(
        logprob=x[token] - log_total,
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


def likeliest(logits: jax.Array, count: int) -> jax.Array:
    """The tokens of the `count` largest logits, the first of equal ones first.

    Of many tokens the largest lie in the `count` blocks with the largest maxima.
    """
    if logits.size < LARGE:
        return _top(logits, count)
    padding = (0, -logits.size % BLOCK)
    blocks = jnp.pad(logits, padding, constant_values=-jnp.inf).reshape(-1, BLOCK)
    best = jnp.sort(_top(blocks.max(-1), count))
    at = _top(blocks[best].reshape(-1), count)
    return best[at // BLOCK] * BLOCK + at % BLOCK


def _top(logits: jax.Array, count: int) -> jax.Array:
    # Without the barrier XLA may sort the whole row for it.
    top: jax.Array = lax.optimization_barrier(lax.top_k(logits, count)[1])
    return top
