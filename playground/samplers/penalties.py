"""What changes logits before any cut: bias and bans, penalties for repetition, DRY.

Each is a function (logits, row, history) -> logits that gives them back as they are
where its numbers are neutral. `history` holds the row's last tokens, prompt and answer,
oldest first, with padding of -1 in front; None stands for no tokens.

One row; V is the vocabulary, H the history's size. Logits may be infinite, not NaN.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from playground.samplers.values import RowValues

History = jax.Array | None
MAX_EXPONENT = 88.7228391  # exp of it is float32's largest number


def clean(logits: jax.Array) -> jax.Array:
    """NaN is as impossible as -inf."""
    return jnp.where(jnp.isnan(logits), -jnp.inf, logits)


def edit(logits: jax.Array, row: RowValues, history: History) -> jax.Array:
    """The logits, NaN made -inf, after bias, penalties and DRY, f32[V]."""
    edits = _biases(row) | _penalises(row, history) | _dries(row, history)

    def edited(logits: jax.Array) -> jax.Array:
        logits = bias(clean(logits), row)
        return dry(penalise(logits, row, history), row, history)

    result: jax.Array = lax.cond(edits, edited, clean, logits)
    return result


def bias(logits: jax.Array, row: RowValues) -> jax.Array:
    """The row's biases added; a bias of -inf bans the token, whatever its logit."""

    def biased(logits: jax.Array) -> jax.Array:
        return clean(logits.at[_ids(row.bias_ids)].add(row.biases, mode="drop"))

    return _where(_biases(row), biased, logits)


def penalise(logits: jax.Array, row: RowValues, history: History) -> jax.Array:
    """Less for the tokens among the last `penalty_last_n` (llama.cpp's formula).

    For a token seen `count` times: logit / repetition_penalty, or times it where the
    logit is not above 0 (https://arxiv.org/abs/1909.05858 only divides, which helps
    those); then less count * frequency_penalty + presence_penalty.
    Logits {2, -1, 1}, history 0 0 1, repetition 2, presence 0.5, frequency 0.25:
    {2 / 2 - 0.5 - 0.5, -1 * 2 - 0.25 - 0.5, 1} = {0, -2.75, 1}.
    """
    if history is None:
        return logits
    number = row.numbers

    def penalised(logits: jax.Array) -> jax.Array:
        recent = _last(history, number["penalty_last_n"])
        count = jnp.zeros_like(logits).at[_ids(recent)].add(1, mode="drop")
        repetition = number["repetition_penalty"]
        less = jnp.where(logits > 0, logits / repetition, logits * repetition)
        less -= count * number["frequency_penalty"] + number["presence_penalty"]
        return clean(jnp.where(count > 0, less, logits))

    return _where(_penalises(row, history), penalised, logits)


def dry(logits: jax.Array, row: RowValues, history: History) -> jax.Array:
    """Less for the tokens that would go on with a repetition ("don't repeat yourself").

    If the last n tokens, n >= dry_allowed_length, stand somewhere before as well, the
    token that followed there loses dry_multiplier * dry_base ** (n - allowed_length);
    of several places the longest counts. No repeat reaches over a breaker, and a
    breaker loses nothing. As in llama.cpp, whose breakers may be of several tokens; by
    p-e-w, oobabooga/text-generation-webui#5677.

    History a b c c b c y a b c, allowed length 2: "a b c" stands at the beginning,
    where c followed, so c loses multiplier * base ** 1; "b c" is followed by y, which
    loses multiplier; "c" alone is too short for b.
    """
    if history is None:
        return logits
    number = row.numbers

    def dried(logits: jax.Array) -> jax.Array:
        recent = _last(history, number["dry_last_n"])[::-1]
        lengths, followers = _repeats(recent, row.breakers)
        allowed, base = number["dry_allowed_length"], number["dry_base"]
        most = jnp.where(base > 1.000001, MAX_EXPONENT / jnp.log(base), jnp.inf)
        exponent = jnp.minimum((lengths - allowed).astype(jnp.float32), jnp.floor(most))
        penalty = number["dry_multiplier"] * base**exponent
        penalty = jnp.where(lengths >= allowed, penalty, 0)
        lost = jnp.zeros_like(logits).at[_ids(followers)].max(penalty, mode="drop")
        return clean(logits - lost)

    return _where(_dries(row, history), dried, logits)


def _repeats(recent: jax.Array, breakers: jax.Array) -> tuple[jax.Array, jax.Array]:
    """For each shift of the past: how many of the last tokens repeat, what followed.

    Args:
        recent: i32[H], the newest first, padding of -1 after.
        breakers: i32[], padding of -1.

    Returns: lengths i32[H] and followers i32[H] for shifts of 1 to H; -1 where a
    follower is a breaker.
    """
    size = recent.size
    breaks = (recent[:, None] == breakers).any(-1) | (recent < 0)
    limit = jnp.where(breaks.any(), breaks.argmax(), size)
    past = jnp.concatenate([recent[1:], jnp.full(size + 1, -2, jnp.int32)])

    def more(state: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        n, repeating, _ = state
        return (n < limit) & repeating.any()

    def longer(
        state: tuple[jax.Array, jax.Array, jax.Array],
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        n, repeating, lengths = state
        repeating &= lax.dynamic_slice(past, (n,), (size,)) == recent[n]
        return n + 1, repeating, lengths + repeating

    start = (jnp.int32(0), jnp.ones(size, bool), jnp.zeros(size, jnp.int32))
    _, _, lengths = lax.while_loop(more, longer, start)
    return lengths, jnp.where(breaks, -1, recent)


def _last(history: jax.Array, n: jax.Array) -> jax.Array:
    """The last n tokens of the history, -1 for the others; n = -1 is all."""
    age = jnp.arange(history.size, 0, -1)
    return jnp.where((age <= n) | (n < 0), history, -1)


def _ids(ids: jax.Array) -> jax.Array:
    """Ids with the padding out of bounds, where "drop" drops it; -1 is the last one."""
    return jnp.where(ids < 0, jnp.iinfo(jnp.int32).max, ids)


def _biases(row: RowValues) -> jax.Array:
    return row.bias_ids[0] >= 0


def _penalises(row: RowValues, history: History) -> jax.Array:
    number = row.numbers
    neutral = number["repetition_penalty"] == 1
    neutral &= number["presence_penalty"] == 0
    neutral &= number["frequency_penalty"] == 0
    return ~neutral & (number["penalty_last_n"] != 0) & (history is not None)


def _dries(row: RowValues, history: History) -> jax.Array:
    number = row.numbers
    acts = (number["dry_multiplier"] > 0) & (number["dry_last_n"] != 0)
    return acts & (history is not None)


def _where(
    acts: jax.Array, change: Callable[[jax.Array], jax.Array], logits: jax.Array
) -> jax.Array:
    result: jax.Array = lax.cond(acts, change, lambda logits: logits, logits)
    return result
