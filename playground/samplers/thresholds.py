"""Where top-k, top-p and typical-p cut, found without sorting.

A cut keeps every token whose value is at least some threshold. How much stays, counted
in tokens or in probability, falls as the threshold rises, so bisection finds the
highest threshold that still keeps enough. It halves the float's bit pattern, not its
value: at most 32 steps end at the exact float32, whatever the values are.

Everything here is about one row; V is the vocabulary. Values must not be NaN, and
subnormal ones count as 0.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

Bounds = tuple[jax.Array, jax.Array]  # f32[], the lower one first
SMALLEST_NORMAL = 0x00800000  # the bit pattern of 2**-126


def top_k_threshold(
    logits: jax.Array, top_k: jax.Array, bounds: Bounds | None = None
) -> jax.Array:
    """The threshold of the k largest logits; what ties with the k-th stays too.

    It lies on the k-th largest or between that and the next smaller one. {3, 1, 2, 2}:
    top_k 1 keeps the 3; top_k 2 and 3 keep 3, 2, 2.

    Args:
        logits: f32[V].
        top_k: i32[]; 0 or less, or V or more, is off: -inf, which keeps everything.
        bounds: only logits from the first to the second count, and some are the second;
            None is all of them.

    Returns: f32[], never above the largest logit, nor below the lower bound.
    """
    off = (top_k <= 0) | (top_k >= logits.shape[-1])
    lowest, peak = bounds or (jnp.float32(-jnp.inf), logits.max())

    def count(threshold: jax.Array) -> jax.Array:
        # In float32, which sums faster here and is exact up to 2**24 tokens.
        return (logits >= threshold).sum(dtype=jnp.float32)

    above = (logits > peak).sum(dtype=jnp.float32) if bounds else 0
    needed = top_k.astype(jnp.float32) + above
    return _highest_threshold(count, needed, lowest, jnp.where(off, lowest, peak))


def top_p_threshold(
    weights: jax.Array, top_p: jax.Array, peak: jax.Array | None = None
) -> jax.Array:
    """The threshold of the smallest set of most likely tokens that reaches top_p.

    What ties with the last token of the set stays too. {0.4, 0.3, 0.2, 0.1}:
    top_p 0.65 keeps two tokens, 0.75 keeps three. Exact up to the rounding of a float32
    sum, about 1e-7 of the whole.

    Args:
        weights: f32[V] >= 0, the probabilities up to a factor.
        top_p: f32[]; 1 or more is off: 0, which keeps everything.
        peak: f32[], the largest weight if it is known.

    Returns: f32[], never above the largest weight.
    """
    # At 1 the sum could reach `needed` before the rarest tokens because of rounding.
    off, total = top_p >= 1, weights.sum()
    peak = weights.max() if peak is None else peak
    # Tokens of less than this have together less than what may go.
    spare = (1 - top_p) * total / weights.size
    lowest = jnp.where(off, 0, jnp.minimum(0.999 * spare, peak))

    def mass(threshold: jax.Array) -> jax.Array:
        return jnp.where(weights >= threshold, weights, jnp.float32(0)).sum()

    highest = jnp.where(off, lowest, peak)
    return _highest_threshold(mass, top_p * total, lowest, highest)


def typical_interval(
    weights: jax.Array, mean: jax.Array, typical_p: jax.Array
) -> Bounds:
    """The weights of the smallest set of tokens nearest to `mean` to reach typical_p.

    Near means |log(weight) - mean|. What ties with the last token of the set belongs to
    it. Weights {1, 0.6, 0.4}, mean log(0.7) = -0.36: the second is 0.15 away, the first
    0.36, the third 0.56; typical_p 0.25 gives the second alone, 0.5 both of the first.

    Args:
        weights: f32[V] >= 0, the probabilities up to a factor.
        mean: f32[], of log(weight) over the distribution.
        typical_p: f32[]; if rounding keeps the sum below it, everything is kept.

    Returns: the lowest and the highest weight, f32[].
    """

    def interval(distance: jax.Array) -> Bounds:
        return jnp.exp(mean - distance), jnp.exp(mean + distance)

    def mass(minus_distance: jax.Array) -> jax.Array:
        lowest, highest = interval(-minus_distance)
        inside = (weights >= lowest) & (weights <= highest)
        return jnp.where(inside, weights, jnp.float32(0)).sum()

    # Nearer than float32 tells logits apart; farther than it has weights.
    nearest, farthest = jnp.float32(-1e-7), jnp.float32(-256)
    needed = typical_p * weights.sum()
    return interval(-_highest_threshold(mass, needed, farthest, nearest))


def _highest_threshold(
    stays: Callable[[jax.Array], jax.Array],
    needed: jax.Array,
    lowest: jax.Array,
    highest: jax.Array,
) -> jax.Array:
    """The highest x in [lowest, highest] with stays(x) >= needed, else `lowest`.

    `stays` must not rise with x. Where it is just `needed` the search ends early:
    a higher x can only keep the same.
    """

    def halve(bounds: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = bounds
        middle = (low | high) - ((low ^ high) >> 1)  # rounded up, cannot overflow
        stay = stays(_to_float(middle))
        low = jnp.where(stay >= needed, middle, low)
        high = jnp.where(stay >= needed, high, middle - 1)
        return low, jnp.where(stay == needed, low, high)

    bounds = (_to_ordered(lowest), _to_ordered(highest))
    low, _ = lax.while_loop(lambda bounds: bounds[0] < bounds[1], halve, bounds)
    return _to_float(low)


def _to_ordered(x: jax.Array) -> jax.Array:
    """i32 in the same order as the f32 they come from."""
    bits = lax.bitcast_convert_type(x, jnp.int32)
    return jnp.where(bits < 0, bits ^ jnp.int32(0x7FFFFFFF), bits)


def _to_float(ordered: jax.Array) -> jax.Array:
    """The f32 of an ordered i32: the inverse of `_to_ordered`.

    XLA compares subnormal floats as 0. They become 0 here, so that a threshold means
    the same to any other code.
    """
    bits = jnp.where(ordered < 0, ordered ^ jnp.int32(0x7FFFFFFF), ordered)
    subnormal = (ordered >= -SMALLEST_NORMAL) & (ordered < SMALLEST_NORMAL)
    return lax.bitcast_convert_type(jnp.where(subnormal, 0, bits), jnp.float32)
