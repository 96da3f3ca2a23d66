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
    apply_cuts,
    everything,
    first_of,
    in_turn,
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
    edited: tuple[jax.Array, ...]  # f32[V], the logits after each of EDITS
    after: Kept  # [len(CUTS)], what each cut left of the last of them


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
    edited = [probabilities(each, everything(each)) for each in walk.edited]
    cut = lax.map(lambda kept: probabilities(walk.edited[-1], kept), walk.after)
    after = jnp.concatenate([jnp.stack(edited), cut])
    return Stages(walk.stage, after, *tally(walk, after[0]))


def one_row(values: ChainValues, row: int = 0) -> ChainValues:
    """One row's values, as `stages` takes them."""
    return ChainValues(*(array[row] for array in values))


def walk_row(
    logits: jax.Array, row: RowValues, history: History, after: Kept | None = None
) -> Walk:
    """The row at each stage; `after` is what each cut left, if that is known."""
    edited = [clean(logits)]
    edited.append(bias(edited[-1], row))
    edited.append(penalise(edited[-1], row, history))
    edited.append(dry(edited[-1], row, history))
    if after is None:
        after = apply_cuts(edited[-1], everything(edited[-1]), row)
    numbers = jnp.arange(len(EDITS), dtype=jnp.int32)
    used = jnp.where(row.order == NO_CUT, NO_STAGE, row.order + len(EDITS))
    return Walk(jnp.concatenate([numbers, used]), tuple(edited), after)


def tally(walk: Walk, model: jax.Array) -> tuple[jax.Array, jax.Array]:
    """How many tokens each stage leaves, i32[S], and their share of `model`, f32[S]."""

    def count(logits: jax.Array, kept: Kept) -> tuple[jax.Array, jax.Array]:
        left = _is_left(logits, kept)
        # In float32, which sums faster here and is exact up to 2**24 tokens.
        tokens = left.sum(dtype=jnp.float32).astype(jnp.int32)
        return tokens, jnp.where(left, model, 0).sum()

    def of_cut(slot: jax.Array, _: Any) -> tuple[jax.Array, jax.Array]:
        return count(walk.edited[-1], Kept(*(after[slot] for after in walk.after)))

    edits = [count(each, everything(each)) for each in walk.edited]
    is_used = walk.stage[len(EDITS) :] != NO_STAGE
    cuts: tuple[jax.Array, jax.Array] = in_turn(of_cut, edits[-1], is_used)
    tokens, kept = map(jnp.stack, zip(*edits, strict=True))
    return jnp.concatenate([tokens, cuts[0]]), jnp.concatenate([kept, cuts[1]])


def probabilities(logits: jax.Array, kept: Kept) -> jax.Array:
    """f32[V] of sum 1 over what is kept; 0 everywhere if that is nothing."""
    likely = jnp.where(_is_left(logits, kept), weights(logits, kept), 0)
    total = likely.sum()
    return likely / jnp.where(total > 0, total, 1)


def _is_left(logits: jax.Array, kept: Kept) -> jax.Array:
    """bool[V]; at temperature 0 the first of the most likely tokens alone."""
    first = jnp.arange(logits.size) == first_of(logits, kept.high)
    return is_kept(logits, kept) & ((kept.temperature > 0) | first)
