"""From what a person asks to the engine's terms."""

import secrets
from collections.abc import Sequence
from typing import Literal, Protocol, TypedDict

import jax
import numpy as np
from jax.experimental import multihost_utils

from playground.engine import Request
from playground.models.text_stops import TextStops
from playground.samplers import Sampler, SamplerValues
from playground.samplers.choice import sampler_of
from playground.settings import GenerationSettings
from playground.tokenizers import Tokenizer

StopTokenIds = Literal["auto"] | str | Sequence[int | Sequence[int]] | None
"""As keras-hub's; several tokens that must come in a row are ours."""


class Limits(Protocol):
    """What a model bounds."""

    vocabulary_size: int
    context_length: int | None

    @property
    def widest_window(self) -> int | None: ...


def draw_seed() -> int:
    """A fresh seed, in [0, 2**32); the same in all processes that share a model."""
    seed = np.uint32(secrets.randbits(32))
    if jax.process_count() > 1:
        seed = multihost_utils.broadcast_one_to_all(seed)
    return int(seed)


class Wanted(TypedDict):
    """Arguments of `make_request`, and of a model's `stream`, that settings decide."""

    sampler: Sampler
    max_length: int | None
    max_new_tokens: int | None
    shorten_prompt: bool
    stop_token_ids: StopTokenIds
    stop_strings: Sequence[str]
    sliding_window: int | None


def wanted_by(settings: GenerationSettings, tokenizer: Tokenizer) -> Wanted:
    """What a run with these settings asks for; the seed is the run's own."""
    return Wanted(
        sampler=sampler_of(settings, tokenizer.stop_token_ids),
        max_length=settings.max_length,
        max_new_tokens=settings.max_new_tokens,
        shorten_prompt=settings.shorten_prompt,
        stop_token_ids=settings.stop_token_ids,
        stop_strings=settings.stop_strings,
        sliding_window=settings.sliding_window,
    )


def make_request(
    limits: Limits,
    tokenizer: Tokenizer | None,
    token_ids: Sequence[int],
    *,
    sampler: Sampler,
    seed: int,
    max_length: int | None,
    max_new_tokens: int | None,
    stop_token_ids: StopTokenIds,
    sliding_window: int | None,
    stop_strings: Sequence[str] = (),
    shorten_prompt: bool = False,
    answer_ids: Sequence[int] = (),
    earlier_tokens: int = 0,
) -> Request:
    """A checked request. The answer is cut where the model's context ends.

    At least one of `max_length` (counts the prompt) and `max_new_tokens` is given; the
    smaller bound holds. With `shorten_prompt` the beginning of a prompt that is too
    long is left out, but for the start token. `answer_ids` begin an answer that goes
    on; `max_new_tokens` does not count them. Before them the answer had
    `earlier_tokens`, which are no longer read: its draws are numbered on.
    `stop_strings` need a tokenizer.

    Raises:
        ValueError: the prompt is empty or longer than the context or `max_length`, a
            stop, banned or biased id or one of the text is not in the vocabulary, or
            the window is wider than the model's.
    """
    if not len(token_ids) + len(answer_ids):
        raise ValueError("The prompt is empty. Type something first.")
    ends = [end for end in (limits.context_length, max_length) if end is not None]
    prompt_ids, token_ids = token_ids, [*token_ids, *answer_ids]
    _check_ids(token_ids, limits.vocabulary_size)
    left_out = range(0)
    if shorten_prompt and ends:
        start = tokenizer.start_token_id if tokenizer else None
        left_out = _left_out(token_ids, min(ends), max_new_tokens or 1, start)
        token_ids = [*token_ids[: left_out.start], *token_ids[left_out.stop :]]
    length = len(token_ids)
    if max_new_tokens is not None:
        ends.append(length + max_new_tokens)
    _check_length(length, limits.context_length, max_length)
    values = sampler.values()
    _check_tokens(values, limits.vocabulary_size)
    stops, stop_sequences = _stops(stop_token_ids, tokenizer, limits.vocabulary_size)
    return Request(
        token_ids=tuple(token_ids),
        max_new_tokens=min(ends) - length,
        sampler=values,
        chooser=sampler if sampler.overrides_choice() else None,
        seed=seed,
        stop_token_ids=stops,
        stop_sequences=stop_sequences,
        text_stop=_text_stop(tokenizer, prompt_ids, stop_strings, answer_ids),
        sliding_window=_window(sliding_window, limits),
        left_out_tokens=len(left_out),
        answered=earlier_tokens + len(answer_ids),
        answer_left_out=earlier_tokens + max(0, left_out.stop - len(prompt_ids)),
    )


def _left_out(
    token_ids: Sequence[int], end: int, max_new_tokens: int, start_id: int | None
) -> range:
    """The places of a text's beginning that leave no room for the answer before `end`.

    The answer gets its room, but at most half. With end 8 and 2 new tokens, 6 of these
    stay:   <s> 1 2 3 4 5 6 7   ->   <s> 3 4 5 6 7, and places 1 and 2 are left out.
    """
    too_many = len(token_ids) - end + min(max_new_tokens, end // 2)
    if too_many <= 0:
        return range(0)
    kept = 1 if token_ids[0] == start_id and len(token_ids) - too_many > 1 else 0
    return range(kept, kept + too_many)


def _check_ids(token_ids: Sequence[int], vocabulary_size: int) -> None:
    """A file of another model's run may have ids that this one lacks."""
    bad = [token for token in token_ids if not 0 <= token < vocabulary_size]
    if bad:
        raise ValueError(
            f"The text has token {bad[0]:,}, and this model's are 0 to "
            f"{vocabulary_size - 1:,}. Was it written by another model?"
        )


def _check_length(length: int, context: int | None, max_length: int | None) -> None:
    if context is not None and length >= context:
        raise ValueError(
            f"The prompt has {length:,} tokens, but this model reads at most "
            f"{context:,} with its answer. Shorten the prompt, or let it be shortened."
        )
    if max_length is not None and length > max_length:
        raise ValueError(
            f"The prompt has {length:,} tokens already, more than the total length of "
            f"{max_length:,} (which counts the prompt). Raise one or shorten the other."
        )


def _stops(
    wanted: StopTokenIds, tokenizer: Tokenizer | None, vocabulary_size: int
) -> tuple[frozenset[int], tuple[tuple[int, ...], ...]]:
    """Single tokens, and tokens in a row."""
    if wanted is None:
        return frozenset(), ()
    if isinstance(wanted, str):
        return _automatic_stops(wanted, tokenizer), ()
    rows = [(s,) if isinstance(s, int | np.integer) else tuple(s) for s in wanted]
    bad = [stop for row in rows for stop in row if not 0 <= stop < vocabulary_size]
    if bad or not all(rows):
        got = f"{', '.join(map(str, bad)):.80}" or "an empty sequence"
        raise ValueError(
            f"Stop tokens must be in the vocabulary, 0 to {vocabulary_size - 1:,}; "
            f"got {got}."
        )
    rows = [tuple(map(int, row)) for row in rows]
    single = frozenset(row[0] for row in rows if len(row) == 1)
    return single, tuple(row for row in rows if len(row) > 1)


def _text_stop(
    tokenizer: Tokenizer | None,
    prompt_ids: Sequence[int],
    stop_strings: Sequence[str],
    answer_ids: Sequence[int],
) -> TextStops | None:
    if tokenizer is None or not any(stop_strings):
        return None
    return TextStops(tokenizer, prompt_ids, stop_strings, answer_ids)


def _check_tokens(values: object, vocabulary_size: int) -> None:
    """That a chain bans and biases only tokens that there are."""
    if not isinstance(values, SamplerValues):
        return
    ids = [*values.banned_tokens, *dict(values.logit_bias), *values.dry_breakers]
    if bad := [token for token in ids if token >= vocabulary_size]:
        raise ValueError(
            "Banned, biased and breaking tokens must be in the vocabulary, 0 to "
            f"{vocabulary_size - 1:,}; got {', '.join(map(str, bad)):.80}."
        )


def _automatic_stops(wanted: str, tokenizer: Tokenizer | None) -> frozenset[int]:
    if wanted != "auto":
        raise ValueError(
            f"`stop_token_ids` must be 'auto', None or token ids, got {wanted!r}."
        )
    if tokenizer is None:
        raise ValueError(
            "`stop_token_ids='auto'` asks the preprocessor's tokenizer, and this "
            "model has none. Give None or token ids."
        )
    return tokenizer.stop_token_ids


def _window(wanted: int | None, limits: Limits) -> int | None:
    widest = limits.widest_window or limits.context_length
    if wanted is not None and (wanted < 1 or (widest is not None and wanted > widest)):
        raise ValueError(
            f"The sliding window must be from 1 to the model's own {widest:,}, "
            f"got {wanted:,}."
            if widest
            else f"The sliding window must be at least 1, got {wanted}."
        )
    return wanted
