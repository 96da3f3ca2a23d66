"""The one loop that makes tokens: read the prompt in chunks, then token by token.

It is a generator, so whoever iterates sets the pace, and closing it ends the run. It
knows tokens only; text is made of them elsewhere.
"""

from collections.abc import Generator, Iterator
from typing import Any

import jax
import numpy as np

from playground.engine.beam_search import beam_search
from playground.engine.contrastive_search import contrastive_search
from playground.engine.events import Event, Step
from playground.engine.kept_texts import KeptTexts
from playground.engine.programs import Programs
from playground.engine.reader import Cancelled, Reader, require_usable
from playground.engine.request import Request
from playground.samplers import BeamValues, ContrastiveValues, SamplerValues, encode


def never() -> bool:
    """For runs that only end by themselves, or by closing the iterator."""
    return False


def decode(
    programs: Programs,
    request: Request,
    cancelled: Cancelled = never,
    kept: KeptTexts | None = None,
) -> Generator[Event]:
    """Run `request`: events that end with exactly one `Finished`.

    `cancelled` is asked before every chunk and token. An exception of the model is the
    caller's to report; everything yielded before it stands. The run goes on from what
    its owner has in `kept`, and leaves its own text there when it ends or is closed;
    not when it fails.
    """
    if kept is None or request.owner is None:
        yield from _decode(Reader(programs, request), cancelled)
        return
    reader = Reader(programs, request, kept.take(request.owner))
    try:
        yield from _decode(reader, cancelled)
    except GeneratorExit:
        kept.put(request.owner, reader.text_to_keep())
        raise
    kept.put(request.owner, reader.text_to_keep())


def _decode(reader: Reader, cancelled: Cancelled) -> Iterator[Event]:
    sampler = reader.request.sampler
    if reader.request.max_new_tokens < 1:
        yield reader.finished("length")
        return
    keep_hidden = isinstance(sampler, ContrastiveValues)
    logits = yield from reader.prefill(cancelled, keep_hidden)
    if logits is None:
        yield reader.finished("cancelled")
        return
    match sampler:
        case BeamValues():
            yield from beam_search(reader, sampler, logits, cancelled)
        case ContrastiveValues():
            yield from contrastive_search(reader, sampler, logits, cancelled)
        case SamplerValues():
            yield from _sample(reader, sampler, logits, cancelled)


def _sample(
    reader: Reader, sampler: SamplerValues, logits: jax.Array, cancelled: Cancelled
) -> Iterator[Event]:
    """Decode. The next forward starts before this token is read on the host."""
    request, values = reader.request, encode([sampler], [reader.request.seed])

    def choose(logits: jax.Array, index: int) -> Any:
        if request.chooser is not None:
            return reader.programs.choose(logits, request.chooser)
        return reader.programs.sample(logits, values, index)

    last = request.max_new_tokens - 1
    position = len(request.token_ids)
    token = choose(logits, 0)
    for index in range(last + 1):
        following = token
        if index < last:
            yield from reader.make_room(position + index, 1)
            logits, _ = reader.read(token, position + index)
            following = choose(logits, index + 1)
        token_id = int(np.asarray(token)[0])
        require_usable(token_id >= 0)
        reader.made.append(token_id)
        speed = reader.clock.token()
        yield Step(token_id=token_id, index=index, tokens_per_second=speed)
        if stop := request.stop_at_end(reader.made):
            yield reader.finished("stop", stop)
            return
        if cancelled():
            yield reader.finished("cancelled")
            return
        token = following
    yield reader.finished("length")
