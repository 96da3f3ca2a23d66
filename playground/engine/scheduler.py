"""Who gets on next: prompts in turns, and everybody's next token in one step.

In a circle, one event of one prompt that is being read (a chunk) or one step of a
search; then one step of every batch. So those who have begun to write never wait for
longer than one chunk, and a new run begins within one.

    prompts   a1   b1   a2   a's first   b2   b's first     two chunks each
    batches   -    -    -    a           a    a b      ...
"""

from collections import deque
from collections.abc import Generator, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import jax

from playground.engine.batch import Batch, Row
from playground.engine.beam_search import beam_search
from playground.engine.contrastive_search import contrastive_search
from playground.engine.events import Event, Finished, PrefillProgress
from playground.engine.kept_texts import KeptTexts
from playground.engine.programs import Programs
from playground.engine.reader import Reader
from playground.engine.records import TokenRecord
from playground.engine.request import Request
from playground.engine.rows import rows_for
from playground.samplers import BeamValues, ContrastiveValues, SamplerValues
from playground.system import free_memory


class Listener(Protocol):
    """Whoever asked for a run."""

    @property
    def request(self) -> Request: ...

    def is_cancelled(self) -> bool: ...

    def put(self, event: Event) -> None: ...

    def fail(self, error: Exception) -> None:
        """The run is over, without a `Finished`; what was put before stands."""


Start = Generator[Event, None, Row | None]


@dataclass(frozen=True)
class _Run:
    listener: Listener
    reader: Reader


class Scheduler:
    """The active runs of one model; call it from one thread."""

    def __init__(self, programs: Programs, kept: KeptTexts) -> None:
        self._programs = programs
        self._kept = kept
        self._starts: deque[tuple[_Run, Start]] = deque()
        self._batches: list[Batch] = []
        self._runs: dict[Row, _Run] = {}

    def __len__(self) -> int:
        """How many runs are active."""
        return len(self._starts) + len(self._runs)

    @property
    def callers(self) -> list[Hashable]:
        """Who asked for the active runs, once for each."""
        runs = [*(run for run, _ in self._starts), *self._runs.values()]
        return [run.listener.request.caller for run in runs]

    def memory_fault(self, request: Request) -> str | None:
        """Why a run's keys and values may not fit into memory; None if they do.

        They are counted twice, as a ring is copied when it grows or joins others. Texts
        that are only kept make room. On other devices than the CPU nothing is counted.
        """
        if jax.default_backend() != "cpu":
            return None
        programs, length = self._programs, len(request.token_ids)
        end = length + request.max_new_tokens
        slots = programs.slots_for(end, programs.window(request.sliding_window))
        needed = 2 * _rows_of(request) * programs.cache_bytes(slots)
        if self._kept.make_room(needed):
            return None
        return (
            f"A text of {end:,} tokens may need {needed / 1e9:.1f} GB of memory here, "
            f"and {free_memory.free_bytes() / 1e9:.1f} GB are free. Ask for fewer new "
            "tokens or beams, or shorten the prompt."
        )

    def admit(self, listener: Listener) -> None:
        """Begin a run, with what its owner's last text has in common with it."""
        request = listener.request
        owner = request.owner
        try:
            kept = None if owner is None else self._kept.take(owner)
            reader = Reader(self._programs, request, listener.is_cancelled, kept)
        except Exception as error:
            listener.fail(error)
            return
        self._starts.append((_Run(listener, reader), start(reader)))

    def advance(self) -> None:
        """One turn of the circle."""
        if self._starts:
            self._go_on(*self._starts.popleft())
        self._merge()
        for batch in list(self._batches):
            rows = batch.rows
            try:
                self._step(batch)
            except Exception as error:
                self._batches.remove(batch)
                self._fail(rows, error)
        self._batches = [batch for batch in self._batches if batch.rows]

    def fail(self, error: Exception) -> None:
        """End all runs with the words of an error; their caches may be half written."""
        runs = self._let_go_of_all()
        self._batches.clear()
        for run in runs:
            run.listener.fail(error)

    def close(self) -> None:
        """End all runs where they are; their texts are kept."""
        runs = self._let_go_of_all()
        for run in runs:  # first: what follows may fail
            run.listener.put(run.reader.finished("cancelled"))
        for batch in self._batches:
            for row in batch.rows:
                batch.leave(row)
        self._batches.clear()
        for run in runs:
            self._keep(run)

    def _let_go_of_all(self) -> list[_Run]:
        runs = [*(run for run, _ in self._starts), *self._runs.values()]
        self._starts.clear()
        self._runs.clear()
        return runs

    def _go_on(self, run: _Run, events: Start) -> None:
        """One event of a run that is not in a batch, or not yet."""
        try:
            with run.reader.clock.turn():
                event = next(events)
        except StopIteration as read:
            self._runs[read.value] = run
            self._batches.append(Batch(self._programs, read.value))
        except Exception as error:
            run.listener.fail(error)
        else:
            run.listener.put(event)
            match event:
                case Finished():
                    self._keep(run)
                case PrefillProgress(done=done, total=total) if done == total:
                    self._starts.appendleft((run, events))  # its first token is next
                case _:
                    self._starts.append((run, events))

    def _merge(self) -> None:
        """Let rows that fit into another batch join it."""
        merged: list[Batch] = []
        for batch in self._batches:
            into = next((other for other in merged if other.takes(batch)), None)
            if into is None:
                merged.append(batch)
                continue
            rows = [*into.rows, *batch.rows]
            try:
                with _turns(rows):
                    for row in batch.rows:
                        batch.leave(row)
                        into.join(row)
            except Exception as error:
                merged.remove(into)
                self._fail(rows, error)
        self._batches = merged

    def _fail(self, rows: Sequence[Row], error: Exception) -> None:
        """End the runs of these rows, whose cache is lost, or half written."""
        for row in rows:
            if run := self._runs.pop(row, None):
                run.listener.fail(error)

    def _step(self, batch: Batch) -> None:
        """The next token of every row; those that cannot go on here leave first."""
        for row in batch.rows:
            if row.is_last:
                batch.leave(row)
                self._tell(batch, row, row.token, row.record)
            elif row.slots_needed > batch.num_slots:
                batch.leave(row)
                self._starts.append((self._runs.pop(row), with_room(row)))
        if batch.rows:
            with _turns(batch.rows):
                made = batch.step()
            for row, token_id, record in made:
                self._tell(batch, row, token_id, record)

    def _tell(
        self, batch: Batch, row: Row, token_id: int, record: TokenRecord | None
    ) -> None:
        """Hand on what a token means; a row that ends with it leaves."""
        run, is_over = self._runs[row], False
        try:
            for event in row.take(token_id, record):
                run.listener.put(event)
                is_over = isinstance(event, Finished)
        except FloatingPointError as error:  # its text is of no use to the next run
            run.listener.fail(error)
            self._let_go(batch, row)
            return
        if is_over:
            self._let_go(batch, row)
            self._keep(run)

    def _let_go(self, batch: Batch, row: Row) -> None:
        del self._runs[row]
        if row in batch.rows:
            batch.leave(row)

    def _keep(self, run: _Run) -> None:
        if run.reader.request.owner is not None:
            self._kept.put(run.reader.request.owner, run.reader.text_to_keep())


def _rows_of(request: Request) -> int:
    """How many rows of a cache the run reads at once."""
    match request.sampler:
        case BeamValues(num_beams=rows) | ContrastiveValues(k=rows):
            return rows_for(rows)
        case _:
            return 1


@contextmanager
def _turns(rows: Sequence[Row]) -> Iterator[None]:
    """What is built meanwhile is built for each of these."""
    with ExitStack() as turns:
        for row in rows:
            turns.enter_context(row.reader.clock.turn())
        yield


def start(reader: Reader) -> Start:
    """Read the prompt, and search to the end; or give the row that goes on from it."""
    sampler = reader.request.sampler
    if reader.request.max_new_tokens < 1:
        yield reader.finished("length")
        return None
    keep_hidden = isinstance(sampler, ContrastiveValues)
    logits = yield from reader.prefill(keep_hidden)
    if logits is None:
        return None
    match sampler:
        case BeamValues():
            yield from beam_search(reader, sampler, logits)
        case ContrastiveValues():
            yield from contrastive_search(reader, sampler, logits)
        case SamplerValues():
            row = Row(reader, sampler, logits)
            return row if row.is_last else (yield from with_room(row))
    return None


def with_room(row: Row) -> Start:
    """Make the row's ring large enough for its next token."""
    yield from row.reader.make_room(row.position, 1)
    return row
