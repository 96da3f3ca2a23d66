"""Contrastive search: of the likely tokens, the one that repeats the least.

See `ContrastiveSampler` for the formula. Worked example with alpha 0.6:

    token   probability   similarity   0.4 * probability - 0.6 * similarity
    the     0.50          0.90         0.20 - 0.54 = -0.34
    sea     0.30          0.40         0.12 - 0.24 = -0.12   <- taken
"""

from collections.abc import Iterator

import jax
import numpy as np

from playground.engine import search_programs
from playground.engine.events import Candidate, Event, Step
from playground.engine.reader import Reader, require_usable
from playground.engine.rows import repeat_rows, rows_for
from playground.samplers import ContrastiveValues

FIRST_CAPACITY = 512


def contrastive_search(
    reader: Reader, sampler: ContrastiveValues, logits: jax.Array
) -> Iterator[Event]:
    """Search on from the `logits` [1, V] after the prompt.

    All candidates of a step are read at once, each in a row of the cache; the row of
    the one that is taken then stands for all.
    """
    request, best = reader.request, 0
    rows = min(rows_for(sampler.k), logits.shape[-1])
    history = _history(reader)
    assert reader.cache is not None, "the prompt was read"
    reader.cache = repeat_rows(reader.cache, rows=rows)
    for index in range(request.max_new_tokens):
        position = np.int32(len(request.token_ids) + index)
        probabilities, token_ids = search_programs.likeliest(
            logits, np.int32(best), np.float32(sampler.temperature), k=rows
        )
        yield from reader.make_room(int(position), 1)
        logits, hidden = reader.read(token_ids, int(position))
        similarities = search_programs.most_similar(history, position, hidden)
        candidates = _candidates(sampler, token_ids, probabilities, similarities)
        best = max(range(len(candidates)), key=lambda each: candidates[each].score)
        history = search_programs.remember(history, hidden, np.int32(best), position)
        reader.cache = search_programs.share_position(
            reader.cache, np.int32(best), position
        )
        chosen = candidates[best].token_id
        speed = reader.clock.token()
        yield Step(
            token_id=chosen, index=index, tokens_per_second=speed, candidates=candidates
        )
        reader.made.append(chosen)
        if stop := reader.stop():
            yield reader.finished("stop", stop)
            return
        if reason := reader.interrupted():
            yield reader.finished(reason)
            return
    yield reader.finished("length")


def _history(reader: Reader) -> jax.Array:
    """The prompt's hidden states, with room for those of the answer."""
    read = np.concatenate(reader.hidden).astype(np.float32)
    length, capacity = len(read) + reader.request.max_new_tokens, FIRST_CAPACITY
    while capacity < length:
        capacity *= 2
    return jax.device_put(np.pad(read, ((0, capacity - len(read)), (0, 0))))


def _candidates(
    sampler: ContrastiveValues, *columns: jax.Array
) -> tuple[Candidate, ...]:
    """The k likeliest tokens with their scores, likeliest first."""
    token_ids, probabilities, similarities = jax.device_get(columns)
    require_usable(bool(np.isfinite(probabilities).all()))
    scores = (1 - sampler.alpha) * probabilities - sampler.alpha * similarities
    table = zip(token_ids, probabilities, similarities, scores, strict=True)
    rows = [Candidate(int(t), *map(float, row)) for t, *row in table]
    return tuple(rows[: sampler.k])
