"""What may drop tokens, and the temperature, each as a function of what is left.

Every cut keeps the tokens whose logits lie in an interval: those likely enough, for
typical-p and XTC also those not too likely. So what is left of a row is three numbers,
and a cut makes three new ones. It looks at the distribution of what is left, at the
temperature so far: softmax of logits / temperature over the interval.

No cut brings a token back, and none takes the last one. What ties with the last token
kept stays too.

{0.5, 0.25, 0.15, 0.1}, top_k 3, top_p 0.8: in llama.cpp's order top-k keeps three,
whose probabilities become 0.56, 0.28, 0.17; the first two have 0.83, so top-p keeps
two. In keras_hub's, top-p comes first and counts what top-k drops: 0.5 + 0.25 is less
than 0.8, so it keeps three, and so does top-k.

One row; V is the vocabulary. Logits may be infinite, not NaN.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from playground.samplers.noise import coin
from playground.samplers.thresholds import (
    top_k_threshold,
    top_p_threshold,
    typical_interval,
)
from playground.samplers.values import CUTS, NO_CUT, RowValues

LOWEST = jnp.finfo(jnp.float32).min


class Kept(NamedTuple):
    """What is left of a row: the tokens with low <= logit <= high."""

    low: jax.Array  # f32[]
    high: jax.Array  # f32[], the logit of the likeliest token left
    temperature: jax.Array  # f32[]


def everything(logits: jax.Array) -> Kept:
    """All tokens but those of -inf, at temperature 1."""
    return Kept(jnp.float32(LOWEST), logits.max(), jnp.float32(1))


def is_kept(logits: jax.Array, kept: Kept) -> jax.Array:
    """bool[V]"""
    return (logits >= kept.low) & (logits <= kept.high)


def weights(logits: jax.Array, kept: Kept) -> jax.Array:
    """Probabilities up to a factor, f32[V]: 1 for the likeliest, 0 for the dropped."""
    likely = jnp.exp(distance(logits, kept))
    return jnp.where(is_kept(logits, kept), likely, jnp.float32(0))


def first_of(logits: jax.Array, peak: jax.Array) -> jax.Array:
    """The first token with the logit `peak`, i32[]; argmax takes four times as long."""
    tokens = jnp.arange(logits.size, dtype=jnp.int32)
    return jnp.where(logits == peak, tokens, logits.size).min().astype(jnp.int32)


def apply_cuts(logits: jax.Array, kept: Kept, row: RowValues) -> Kept:
    """What is left after each of the row's cuts, made in the row's order, [len(CUTS)].

    The entries behind the last cut repeat it.
    """

    def cut(i: jax.Array, kept: Kept) -> Kept:
        return apply_cut(row.order[i], logits, kept, row)

    after: Kept = in_turn(cut, kept, row.order != NO_CUT)
    return after


def final(kept: Kept) -> Kept:
    """What is left in the end, of what is left after each cut."""
    return Kept(*(after[-1] for after in kept))


def in_turn(step: Any, first: Any, used: jax.Array) -> Any:
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


def apply_cut(number: jax.Array, logits: jax.Array, kept: Kept, row: RowValues) -> Kept:
    """What one cut leaves; `number` is an index of CUTS, or NO_CUT."""
    branches = [_nothing, *(_CUTS[name] for name in CUTS)]
    after: Kept = lax.switch(number + 1, branches, logits, kept, row)
    return after


Cut = Callable[[jax.Array, Kept, RowValues], Kept]
_CUTS: dict[str, Cut] = {}


def cut(function: Cut) -> Cut:
    """The function as the stage of the chain that has its name."""
    _CUTS[function.__name__] = function
    return function


def _nothing(_logits: jax.Array, kept: Kept, _row: RowValues) -> Kept:
    return kept


@cut
def temperature(_logits: jax.Array, kept: Kept, row: RowValues) -> Kept:
    return kept._replace(temperature=row.numbers["temperature"])


@cut
def top_k(logits: jax.Array, kept: Kept, row: RowValues) -> Kept:
    bounds = kept.low, kept.high
    return _raised(kept, top_k_threshold(logits, row.numbers["top_k"], bounds))


@cut
def top_p(logits: jax.Array, kept: Kept, row: RowValues) -> Kept:
    likely = weights(logits, kept)
    least = top_p_threshold(likely, row.numbers["top_p"], peak=jnp.float32(1))
    return _raised(kept, _lowest(logits, likely >= least))


@cut
def min_p(_logits: jax.Array, kept: Kept, row: RowValues) -> Kept:
    """https://arxiv.org/abs/2407.01082: at least min_p times the likeliest's."""
    return _raised(kept, _logit(row.numbers["min_p"], kept))


@cut
def typical_p(logits: jax.Array, kept: Kept, row: RowValues) -> Kept:
    """https://arxiv.org/abs/2202.00666: the fewest tokens that together reach
    typical_p, those first whose surprise is nearest to the entropy.

    -log p = log Z - x for x = (logit - peak) / temperature, and the entropy is
    log Z - E[x]; so they differ by |x - E[x]|.
    """
    likely = weights(logits, kept)
    middle = mean(distance(logits, kept), likely)
    lowest, highest = typical_interval(likely, middle, row.numbers["typical_p"])
    typical = (likely >= lowest) & (likely <= highest) & is_kept(logits, kept)
    high = jnp.where(typical, logits, -jnp.inf).max()
    return _raised(kept, _lowest(logits, typical))._replace(high=high)


@cut
def top_n_sigma(logits: jax.Array, kept: Kept, row: RowValues) -> Kept:
    """https://arxiv.org/abs/2411.07641: at most n standard deviations below the top.

    As the deviation is one of logits, temperature changes nothing.
    """
    counted = is_kept(logits, kept) & jnp.isfinite(logits)
    share = counted / jnp.maximum(counted.sum(dtype=jnp.float32), 1)
    mean = jnp.where(counted, logits, 0) @ share
    sigma = jnp.sqrt(jnp.where(counted, logits - mean, 0) ** 2 @ share)
    return _raised(kept, kept.high - row.numbers["top_n_sigma"] * sigma)


@cut
def epsilon(logits: jax.Array, kept: Kept, row: RowValues) -> Kept:
    """https://arxiv.org/abs/2210.15191: a probability of at least epsilon."""
    total = weights(logits, kept).sum()
    return _raised(kept, _logit(row.numbers["epsilon"] * total, kept))


@cut
def eta(logits: jax.Array, kept: Kept, row: RowValues) -> Kept:
    """https://arxiv.org/abs/2210.15191: a probability of at least eta or, where that
    is less, sqrt(eta) * exp(-entropy).
    """
    likely, x, eta = weights(logits, kept), distance(logits, kept), row.numbers["eta"]
    total = likely.sum()
    # exp(-entropy) * Z = exp(E[x])
    least = jnp.minimum(eta * total, jnp.sqrt(eta) * jnp.exp(mean(x, likely)))
    return _raised(kept, _logit(least, kept))


@cut
def xtc(logits: jax.Array, kept: Kept, row: RowValues) -> Kept:
    """Exclude top choices (llama.cpp, oobabooga/text-generation-webui#6335): of the
    tokens with at least xtc_threshold, with a chance of xtc_probability, only the least
    likely stays. {0.5, 0.3, 0.2}, threshold 0.25: the first goes.
    """
    likely = weights(logits, kept)
    least = row.numbers["xtc_threshold"] * likely.sum()
    # Of no top choice the lowest is inf, and of a single one it is the peak itself.
    high = jnp.minimum(_lowest(logits, likely >= least), kept.high)
    acts = coin(row.seed, row.step) < row.numbers["xtc_probability"]
    return kept._replace(high=jnp.where(acts, high, kept.high))


def distance(logits: jax.Array, kept: Kept) -> jax.Array:
    """(logit - peak) / temperature, f32[V]; <= 0 for what is kept."""
    # inf - inf is NaN, so the peak's own distance is written down, not computed.
    below = (logits - kept.high) / kept.temperature
    return jnp.where(logits == kept.high, jnp.float32(0), below)


def _logit(weight: jax.Array, kept: Kept) -> jax.Array:
    """The logit of a token of this weight."""
    return kept.high + kept.temperature * jnp.log(weight)


def mean(x: jax.Array, likely: jax.Array) -> jax.Array:
    """Of x over the distribution; 0 * inf is 0."""
    return jnp.where(likely > 0, likely * x, 0).sum() / likely.sum()


def _lowest(logits: jax.Array, chosen: jax.Array) -> jax.Array:
    return jnp.where(chosen, logits, jnp.inf).min()


def _raised(kept: Kept, low: jax.Array) -> Kept:
    """Less of it, never nothing; NaN raises nothing."""
    low = jnp.minimum(low, kept.high)
    return kept._replace(low=jnp.where(low > kept.low, low, kept.low))
