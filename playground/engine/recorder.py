"""Records of drawn tokens, measured several steps at once beside the engine's thread.

Measuring a token takes a good part of what drawing it takes, and on CPU a program runs
on the thread that calls it. So the engine only puts aside what was drawn. Another
thread measures it when there is enough of it, or whoever reads a record before that.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np

from playground.engine.programs import Programs
from playground.engine.records import StageCount, TokenRecord, TopToken
from playground.samplers import STAGES, ChainValues, Record
from playground.samplers.record import Draw

MOST_BLOCKS = 4
"""That may wait for the other thread: each holds logits of some steps."""

_measuring = ThreadPoolExecutor(1, thread_name_prefix="records")


class Block:
    """What was drawn in some steps of the same rows, and its records once measured."""

    def __init__(self, programs: Programs, values: ChainValues) -> None:
        self._programs: Programs | None = programs
        self._values = values
        self._draws: list[Draw] = []
        self._places: list[int] = []
        self._adding, self._measuring = threading.Lock(), threading.Lock()
        self._is_open = True
        self._record: Record | None = None

    def add(self, draw: Draw, wanted: Sequence[bool]) -> list[TokenRecord | None]:
        """The records of one step more, of those rows that want any; [] if it is over.

        It is over when it is full, or as soon as somebody reads a record.
        """
        with self._adding:
            if not self._is_open:
                return []
            first = len(self._draws) * len(wanted)
            self._draws.append(draw)
            assert self._programs is not None  # it is open
            most = self._programs.measured_together(draw)
            self._is_open = len(self._draws) < most
            pairs = list(enumerate(wanted, first))
            self._places += [place for place, is_wanted in pairs if is_wanted]
        return [DrawnRecord(self, place) if wants else None for place, wants in pairs]

    @property
    def is_open(self) -> bool:
        return self._is_open

    @property
    def is_measured(self) -> bool:
        return self._record is not None

    def measure(self) -> Record:
        """The records, made when they are first asked for.

        Columns of plain numbers, and arrays where there are several to a token.
        """
        if self._record is not None:
            return self._record
        with self._measuring:
            if self._record is None:
                with self._adding:
                    self._is_open = False
                assert self._programs is not None
                record = self._programs.measure(self._draws, self._values, self._places)
                columns: Iterator[Any] = map(np.asarray, record)
                self._record = Record(
                    *(each.tolist() if each.ndim == 1 else each for each in columns)
                )
                self._draws, self._programs = [], None  # a run outlives its model
        return self._record


class DrawnRecord(TokenRecord):
    """The record of a token that was drawn, measured when it is read at the latest."""

    __slots__ = ("_block", "_place")
    _block: Block
    _place: int

    def __init__(self, block: Block, place: int) -> None:
        object.__setattr__(self, "_block", block)
        object.__setattr__(self, "_place", place)

    def __getattr__(self, name: str) -> Any:
        if name not in TokenRecord.__slots__:
            raise AttributeError(name)
        record = self._block.measure()
        if name == "stages":
            rows = self._rows(record.stage, record.tokens, record.kept)
            return tuple(StageCount(STAGES[n], *row) for n, *row in rows if n >= 0)
        if name == "top":
            shares = record.top_probabilities, record.top_chain_probabilities
            return tuple(
                TopToken(*row) for row in self._rows(record.top_tokens, *shares)
            )
        return getattr(record, name)[self._place]

    def _rows(self, *columns: Any) -> Iterator[Any]:
        return zip(*(each[self._place].tolist() for each in columns), strict=True)

    @property
    def num_kept(self) -> int:
        """The last stage's number, which those that are not in use repeat."""
        return int(self._block.measure().tokens[self._place, -1])


class Recorder:
    """Makes the records of a batch's tokens; call it from the engine's thread."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._block: Block | None = None
        self._waiting: deque[Block] = deque()

    def records(
        self, draw: Draw, values: ChainValues, wanted: Sequence[bool]
    ) -> list[TokenRecord | None]:
        """Of each row of a step, None where none is wanted.

        Until `flush` rows and values stay the same.
        """
        if not any(wanted):
            return [None] * len(wanted)
        block = self._block or Block(self._programs, values)
        made = block.add(draw, wanted)
        if not made:  # somebody has read one of it
            block = Block(self._programs, values)
            made = block.add(draw, wanted)
        self._block = block
        if not block.is_open:
            self.flush()
        return made

    def flush(self) -> None:
        """Nothing is put beside what was drawn so far: let it be measured."""
        if self._block is not None:
            self._waiting.append(self._block)
            with suppress(RuntimeError):  # while the process ends
                _measuring.submit(self._block.measure)
            self._block = None
        while self._waiting and self._waiting[0].is_measured:
            self._waiting.popleft()
        if len(self._waiting) > MOST_BLOCKS:
            self._waiting.popleft().measure()
