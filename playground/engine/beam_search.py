"""Beam search: keep the likeliest texts, and go on with each of them.

Worked example, 2 beams over the tokens a, b and the stop token `.`:

    kept              continuations by score             kept next
    ""                a 0.6  b 0.3  . 0.1                a 0.6, b 0.3
    a 0.6, b 0.3      ab 0.3  b. 0.24  aa 0.18 ...       ab 0.3, b. 0.24
    ab 0.3, b. 0.24   aba 0.27  b. 0.24  abb 0.02 ...    aba 0.27, b. 0.24

`b.` has ended: it is not continued, but keeps its place for as long as it is among the
best. As every further token only makes a text less likely, the search is over once the
best text has ended.
"""

from collections.abc import Iterator

import jax
import numpy as np

from playground.engine import search_programs
from playground.engine.events import Beam, Beams, Event, FinishReason
from playground.engine.reader import Reader, require_usable
from playground.engine.rows import repeat_rows, rows_for, select_rows
from playground.samplers import BeamValues


def beam_search(
    reader: Reader, sampler: BeamValues, logits: jax.Array
) -> Iterator[Event]:
    """Search on from the `logits` [1, V] after the prompt.

    With `return_all_beams` it goes on until all kept texts have ended. However it ends,
    a best text that has ended is a stop.
    """
    request, last = reader.request, reader.request.max_new_tokens - 1
    search = _Search(reader, sampler)
    reason: FinishReason = "length"
    for index in range(last + 1):
        kept, pruned = search.extend(logits)
        speed = reader.clock.token()
        yield Beams(index=index, beams=kept, pruned=pruned, tokens_per_second=speed)
        deciding = kept if sampler.return_all_beams else kept[:1]
        if all(beam.is_finished for beam in deciding):
            break
        if interrupted := reader.interrupted():
            reason = interrupted
            break
        if index < last:
            position = len(request.token_ids) + index
            yield from reader.make_room(position, 1)
            logits = search.read(position)
    stop = request.stop_at_end(kept[0].token_ids)
    yield reader.finished("stop" if stop else reason, stop)


class _Search:
    """The beams, and which row of the cache each of those that go on has."""

    def __init__(self, reader: Reader, sampler: BeamValues) -> None:
        self.reader = reader
        self.num_beams = sampler.num_beams
        self.rows = rows_for(sampler.num_beams)
        self.temperature = np.float32(sampler.temperature)
        self.live: list[Beam] = [Beam()]
        self.finished: list[Beam] = []
        self.parents: list[int] = [0]
        assert reader.cache is not None, "the prompt was read"
        reader.cache = repeat_rows(reader.cache, rows=self.rows)

    def extend(self, logits: jax.Array) -> tuple[tuple[Beam, ...], tuple[Beam, ...]]:
        """The beams that are kept and the best that are not, each best first."""
        scores = np.full(self.rows, -np.inf, np.float32)
        scores[: len(self.live)] = [beam.log_probability for beam in self.live]
        extended = search_programs.extend_beams(logits, scores, self.temperature)
        totals, rows, tokens = (each.tolist() for each in jax.device_get(extended))
        require_usable(totals[0] > -np.inf)
        found = [
            (self._followed(self.live[row], token, total), row)
            for total, row, token in zip(totals, rows, tokens, strict=True)
            if total > -np.inf
        ]
        found += [(beam, -1) for beam in self.finished]
        found.sort(key=lambda each: -each[0].log_probability)
        kept, pruned = found[: self.num_beams], found[self.num_beams :]
        self.finished = [beam for beam, _ in kept if beam.is_finished]
        self.live = [beam for beam, _ in kept if not beam.is_finished]
        self.parents = [row for beam, row in kept if not beam.is_finished]
        return tuple(b for b, _ in kept), tuple(b for b, _ in pruned[: self.num_beams])

    def _followed(self, beam: Beam, token_id: int, total: float) -> Beam:
        token_ids = (*beam.token_ids, token_id)
        return Beam(token_ids, total, bool(self.reader.request.stop_at_end(token_ids)))

    def read(self, position: int) -> jax.Array:
        """Logits [B, V] after each live beam's last token, which is at `position`."""
        unused = self.rows - len(self.live)
        rows = np.array([*self.parents, *[0] * unused], np.int32)
        tokens = [beam.token_ids[-1] for beam in self.live] + [0] * unused
        reader = self.reader
        assert reader.cache is not None
        if self.parents != list(range(len(self.parents))):
            reader.cache = select_rows(reader.cache, rows)
        logits, _ = reader.read(np.array(tokens, np.int32), position)
        return logits
