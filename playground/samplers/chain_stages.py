"""What each stage of the chain leaves of one row's distribution, for the sampler lab.

The stages are the functions that `sample` is made of, so the picture cannot differ
from what is drawn. All that it takes are logits, so recorded ones will do, without the
model.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from playground.samplers.cuts import (
    Kept,
    apply_cut,
    everything,
    first_of,
    is_kept,
    weights,
)
from playground.samplers.penalties import History, bias, clean, dry, penalise
from playground.samplers.values import CUTS, NO_CUT, ChainValues, RowValues, row_values

EDITS = ("model", "bias", "penalties", "dry")
STAGES = (*EDITS, *CUTS)  # the names, by Stages.stage
NO_STAGE = -1


class Stages(NamedTuple):
    """The row after each stage, in the order of the chain; S = len(STAGES).

    The first one is the model's own distribution. Then come bias, penalties and DRY,
    always, and those cuts that are on; NO_STAGE follows the last one. Its entries
    repeat the last distribution.
    """

    stage: jax.Array  # i32[S], indices of STAGES, or NO_STAGE
    probabilities: jax.Array  # f32[S, V], of sum 1; 0 for what has been dropped
    tokens: jax.Array  # i32[S], how many tokens are left
    kept: jax.Array  # f32[S], the probability that the model gives to these


class Walk(NamedTuple):
    """The row at each stage, as the numbers that `sample` works with."""

    stage: jax.Array  # i32[S]
    edited: jax.Array  # f32[len(EDITS), V], the logits after each of EDITS
    edit: jax.Array  # i32[S], which of these the stage has
    kept: Kept  # [S], what is left of them


def stages(
    logits: jax.Array, values: ChainValues, step: jax.Array, history: History = None
) -> Stages:
    """What each stage leaves of one row; pure, to be jitted by the caller.

    Args:
        logits: f32[V].
        values: those of the row: `encode` of one, without the first axis (`one_row`).
        step: i32[], the number of the draw; XTC tosses its coin by it.
        history: i32[H] as for `sample`, or None.
    """
    walk = walk_row(logits, row_values(values, step), history)
    after = lax.map(
        lambda slot: probabilities(walk.edited[slot[0]], slot[1]),
        (walk.edit, walk.kept),
    )
    return Stages(walk.stage, after, *tally(walk, after[0]))


def one_row(values: ChainValues, row: int = 0) -> ChainValues:
    """One row's values, as `stages` takes them."""
    return ChainValues(*(array[row] for array in values))


def walk_row(logits: jax.Array, row: RowValues, history: History) -> Walk:
    """The row at each stage."""
    edits = [clean(logits)]
    edits.append(bias(edits[-1], row))
    edits.append(penalise(edits[-1], row, history))
    edits.append(dry(edits[-1], row, history))
    last = edits[-1]

    after = _each(
        lambda slot, kept: apply_cut(row.order[slot], last, kept, row),
        everything(last),
        row.order != NO_CUT,
    )
    whole = jax.tree.map(lambda *each: jnp.stack(each), *map(everything, edits))
    used = jnp.where(row.order == NO_CUT, NO_STAGE, row.order + len(EDITS))
    numbers = jnp.arange(len(EDITS), dtype=jnp.int32)
    return Walk(
        stage=jnp.concatenate([numbers, used]),
        edited=jnp.stack(edits),
        edit=jnp.concatenate([numbers, jnp.full(len(CUTS), numbers[-1])]),
        kept=jax.tree.map(lambda *each: jnp.concatenate(each), whole, after),
    )


def tally(walk: Walk, model: jax.Array) -> tuple[jax.Array, jax.Array]:
    """How many tokens each stage leaves, i32[S], and their share of `model`, f32[S]."""

    def count(slot: jax.Array, _: Any) -> tuple[jax.Array, jax.Array]:
        kept = jax.tree.map(lambda each: each[slot], walk.kept)
        left = _is_left(walk.edited[walk.edit[slot]], kept)
        # In float32, which sums faster here and is exact up to 2**24 tokens.
        tokens = left.sum(dtype=jnp.float32).astype(jnp.int32)
        return tokens, jnp.where(left, model, 0).sum()

    first = jnp.int32(0), jnp.float32(0)
    counts: tuple[jax.Array, jax.Array] = _each(count, first, walk.stage != NO_STAGE)
    return counts


def _each(step: Any, first: Any, used: jax.Array) -> Any:
    """What `step(slot, last)` gives for each slot in use [S]; then the last one again.

    Those in use come first. A loop that ends with them: a scan, or a branch for each of
    the others, takes twice as long for a short chain.
    """
    number = used.sum(dtype=jnp.int32)

    def put(turn: Any) -> Any:
        slot, last, made = turn
        last = step(slot, last)
        made = jax.tree.map(lambda all_, one: all_.at[slot].set(one), made, last)
        return slot + 1, last, made

    empty = jax.tree.map(lambda one: jnp.zeros(used.size, one.dtype), first)
    turn = jnp.int32(0), first, empty
    _, last, made = lax.while_loop(lambda turn: turn[0] < number, put, turn)
    is_made = jnp.arange(used.size) < number
    return jax.tree.map(lambda all_, one: jnp.where(is_made, all_, one), made, last)


def probabilities(logits: jax.Array, kept: Kept) -> jax.Array:
    """f32[V] of sum 1 over what is kept; 0 everywhere if that is nothing."""
    likely = jnp.where(_is_left(logits, kept), weights(logits, kept), 0)
    total = likely.sum()
    return likely / jnp.where(total > 0, total, 1)


def _is_left(logits: jax.Array, kept: Kept) -> jax.Array:
    """bool[V]; at temperature 0 the first of the most likely tokens alone."""
    first = jnp.arange(logits.size) == first_of(logits, kept.high)
    return is_kept(logits, kept) & ((kept.temperature > 0) | first)
