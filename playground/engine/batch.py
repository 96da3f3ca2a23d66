"""Texts that are decoded together, each in a row of one cache.

A step reads the weights once for all rows, and that is most of its time. Every row has
its own sampler, seed, window, position and end; nothing in its logits depends on the
others but the rounding of a wider matrix product.

Rows have places. With the texts a, b, c in a cache of four rows:

    a b c -    c ends     a b          half is empty: two rows are enough
    a b        d joins    a b d -      twice as many rows, the last is read in vain
    a b d -    a ends     - b d -  ->  b d
"""

from collections.abc import Iterator, Sequence

import jax
import numpy as np

from playground.engine.events import Event, Step
from playground.engine.programs import Programs
from playground.engine.reader import Reader, require_usable
from playground.engine.recorder import Block, Recorder
from playground.engine.records import TokenRecord
from playground.engine.rows import put_row, rows_for, select_rows
from playground.engine.texts import HISTORY, Texts, texts_of
from playground.samplers import (
    ChainValues,
    GreedySampler,
    Sampler,
    SamplerValues,
    encode,
)
from playground.samplers.record import Draw

NOBODY = GreedySampler().values()


class Row:
    """A text whose prompt is read, on its way to its end.

    `token` is the next one, and `record` tells about it if the request wants that;
    while the row is in a batch, that knows better.
    """

    def __init__(self, reader: Reader, values: SamplerValues, logits: jax.Array):
        self.reader = reader
        self.values = values
        self.index = 0
        chain = encode([values], [reader.request.seed])
        before = texts_of([reader.request.token_ids])
        chooser = reader.request.chooser
        texts, drawn = draw(
            reader.programs, logits, chain, [self.draw], before, chooser
        )
        self.token = int(np.asarray(texts.tokens)[0])
        self.record: TokenRecord | None = None
        if drawn is not None and reader.request.record:
            block = Block(reader.programs, chain)
            (self.record,) = block.add(drawn, [True])
            block.measure()  # here: what this has to compile is this run's

    @property
    def text(self) -> list[int]:
        """Prompt and answer, without the next token; as far back as anybody looks."""
        reader = self.reader
        return [*reader.request.token_ids[-HISTORY:], *reader.made][-HISTORY:]

    @property
    def draw(self) -> int:
        """The number of the next token's draw."""
        return self.reader.request.answered + self.index

    @property
    def position(self) -> int:
        """Where the next token stands."""
        return len(self.reader.request.token_ids) + self.index

    @property
    def is_last(self) -> bool:
        """Nothing comes after the next token."""
        return self.index + 1 == self.reader.request.max_new_tokens

    @property
    def may_join(self) -> bool:
        """A person's own sampler has to see each token before the next step."""
        return not self.is_last and self.reader.request.chooser is None

    @property
    def slots_needed(self) -> int:
        """The ring that reading the next token needs."""
        return self.reader.programs.slots_for(self.position + 1, self.reader.window)

    def take(self, token_id: int, record: TokenRecord | None) -> Iterator[Event]:
        """The next token is known: a step, and the end if it was the last.

        Raises FloatingPointError if the model gave no probabilities.
        """
        require_usable(token_id >= 0)
        reader, was_last = self.reader, self.is_last
        reader.made.append(token_id)
        speed = reader.clock.token()
        yield Step(
            token_id=token_id,
            index=self.index,
            tokens_per_second=speed,
            record=record,
        )
        self.index += 1
        if stop := reader.stop():
            yield reader.finished("stop", stop)
        elif reason := reader.interrupted():
            yield reader.finished(reason)
        elif was_last:
            yield reader.finished("length")


class Batch:
    """Rows with equally large rings and the same weights. It begins with one."""

    def __init__(self, programs: Programs, row: Row) -> None:
        assert row.reader.cache is not None, "the prompt was read"
        self._programs = programs
        self._weights = row.reader.weights
        self._cache, row.reader.cache = row.reader.cache, None
        self._places: list[Row | None] = [row]
        self._recorder = Recorder(programs)
        self._texts: Texts
        self._values: ChainValues
        self._drawn: Draw | None  # the newest tokens, if they are not the rows' own
        self._send()

    @property
    def rows(self) -> list[Row]:
        return [row for row in self._places if row is not None]

    @property
    def num_slots(self) -> int:
        return self._cache.num_slots

    def takes(self, other: "Batch") -> bool:
        """Whether all rows of the other may join, without anything being compiled."""
        everybody = [*self.rows, *other.rows]
        most = self._programs.most_rows(self._weights, self.num_slots)
        weights = zip(self._weights, other._weights, strict=True)
        return (
            self.num_slots == other.num_slots
            and len(self._weights) == len(other._weights)
            and all(mine is theirs for mine, theirs in weights)
            and len(everybody) <= most
            and all(row.may_join for row in everybody)
        )

    def join(self, row: Row) -> None:
        """Give the row, which has left its batch, a place in this one."""
        assert row.reader.cache is not None, "it is in no other batch"
        self._fetch()
        if None not in self._places:
            self._arrange([*self._places, *[None] * len(self._places)])
        place = self._places.index(None)
        self._cache = put_row(self._cache, row.reader.cache, np.int32(place))
        self._places[place], row.reader.cache = row, None
        self._send()

    def leave(self, row: Row) -> None:
        """Take the row out; it has its own cache and next token again."""
        self._fetch()
        place = self._places.index(row)
        row.reader.cache = self._cache
        if len(self._places) > 1:
            row.reader.cache = select_rows(self._cache, np.array([place], np.int32))
        self._places[place] = None
        left = self.rows
        if left and len(left) <= len(self._places) // 2:
            size = rows_for(len(left))
            self._arrange([*left, *[None] * (size - len(left))])
        self._send()

    def step(self) -> list[tuple[Row, int, TokenRecord | None]]:
        """Each row's next token and its record; those that follow are being computed.

        Every row must go on after it, and have room in its ring.
        """
        tokens, drawn, places = self._texts.tokens, self._drawn, list(self._places)
        self._advance()
        ids = np.asarray(tokens).tolist()
        records = self._records_of(places, drawn)
        together = zip(places, ids, records, strict=True)
        return [(row, token_id, record) for row, token_id, record in together if row]

    def _records_of(
        self, places: Sequence[Row | None], drawn: Draw | None
    ) -> list[TokenRecord | None]:
        """Of the newest tokens, which have come; without `drawn` the rows know them."""
        if drawn is None:
            return [row.record if row else None for row in places]
        wanted = [row is not None and row.reader.request.record for row in places]
        return self._recorder.records(drawn, self._values, wanted)

    def _advance(self) -> None:
        """Read everybody's next token, and draw those that follow."""
        places = self._places
        for row in self.rows:
            row.reader.note(row.position, 1, 1)
        logits, _, self._cache = self._programs.forward(
            self._weights,
            self._cache,
            self._texts.tokens,
            [row.position if row else 0 for row in places],
            [1 if row else 0 for row in places],
            [row.reader.window if row else 1 for row in places],
        )
        steps = [row.draw + 1 if row else 0 for row in places]
        first = places[0]
        self._texts, self._drawn = draw(
            self._programs,
            logits,
            self._values,
            steps,
            self._texts,
            first.reader.request.chooser if first else None,
        )

    def _arrange(self, places: list[Row | None]) -> None:
        """Put the rows into new places, as many as there are in `places`."""
        old = [self._places.index(row) if row else 0 for row in places]
        self._cache = select_rows(self._cache, np.array(old, np.int32))
        self._places = places

    def _fetch(self) -> None:
        """Wait for everybody's next token, as places are about to change."""
        ids = np.asarray(self._texts.tokens).tolist()
        records = self._records_of(self._places, self._drawn)
        for row, token_id, record in zip(self._places, ids, records, strict=True):
            if row is not None:
                row.token, row.record = token_id, record

    def _send(self) -> None:
        """Everybody's text with the next token, in its place; records stay here."""
        self._texts = texts_of(
            [[*row.text, row.token] if row else [0] for row in self._places]
        )
        self._values = encode(
            [row.values if row else NOBODY for row in self._places],
            [row.reader.request.seed if row else 0 for row in self._places],
        )
        self._drawn = None
        self._recorder.flush()


def draw(
    programs: Programs,
    logits: jax.Array,
    values: ChainValues,
    steps: Sequence[int],
    texts: Texts,
    chooser: Sampler | None,
) -> tuple[Texts, Draw | None]:
    """The texts [B] with a token more, from logits [B, V], and how it was drawn.

    A person's own sampler, the `chooser`, does not tell.
    """
    if chooser is not None:
        return Texts(texts.history, programs.choose(logits, chooser)), None
    drawn = programs.sample(logits, values, steps, texts)
    return Texts(drawn.history, drawn.tokens), drawn
