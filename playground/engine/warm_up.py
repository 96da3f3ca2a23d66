"""Runs every program once before people come, so that nothing compiles while they play.

For texts up to a length there are few shapes: each chunk and each ring by itself, and
each ring with 2, 4 and 8 texts at once. XLA holds 4 MB a layer for one of them, and 12
for eight texts; while it is built, twice that. Where memory is tight those for several
texts are left out, and texts are written in turns.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import jax
import numpy as np

from playground.engine.compilation import compilations
from playground.engine.programs import Programs
from playground.engine.rows import put_row, repeat_rows, select_rows
from playground.engine.status import Status
from playground.engine.texts import texts_of
from playground.samplers import GreedySampler, encode
from playground.system import free_memory
from playground.system.threads import ComputingThread

WORTH_TRIMMING = 16 * 2**20
"""Bytes: looking through a large heap takes a while itself."""
PREPARING = "Preparing for several people at once"
TIGHT = "Ready. Memory is tight: {} at once, others take turns"
_log = logging.getLogger(__name__)


class WarmUp:
    """The programs that are still cold, the first that a person needs first.

    For texts of up to `longest` tokens, then for up to `most_rows` of them at once.
    """

    def __init__(self, programs: Programs, longest: int, most_rows: int) -> None:
        one = tasks(programs, longest)
        more = tasks_for_rows(programs, longest, most_rows)
        self._cold = deque([*one, *more])
        self._one, self._more = len(one), len(more)
        self._built_before = compilations().built
        self._programs = programs
        self._largest = 0  # bytes that building one took so far
        self._ready = "Ready"

    def __bool__(self) -> bool:
        return bool(self._cold)

    def build_next(self) -> None:
        """Build one; where that fails, none is built before it is needed.

        Programs for several texts are left out where they may not fit into memory.
        """
        if len(self._cold) <= self._more and not self._has_room():
            self._leave_out_the_rest()
            return
        before = free_memory.held_bytes()
        try:
            self._cold.popleft()()
        except Exception:
            _log.exception("Preparing ends; what is left compiles when it is needed")
            self._cold.clear()
        taken = free_memory.held_bytes() - before
        self._largest = max(self._largest, taken)
        if taken > WORTH_TRIMMING:
            free_memory.give_back()

    def _has_room(self) -> bool:
        """Whether the next one fits: twice the rows take up to twice the memory."""
        needed = free_memory.SCARCE_BYTES + 2 * self._largest
        return free_memory.free_bytes() >= needed

    def _leave_out_the_rest(self) -> None:
        programs = self._programs
        rows = programs.most_rows(programs.weights(), programs.slot_steps[0])
        self._ready = TIGHT.format("one text" if rows == 1 else f"{rows} texts")
        _log.warning("%s.", self._ready)
        self._cold.clear()

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Build on a thread of its own until the block ends.

        It may change the weights meanwhile: programs depend on their shapes alone.
        """
        over = threading.Event()

        def build() -> None:
            while self and not over.is_set():
                self.build_next()

        thread = ComputingThread(build, over.set, name="warm-up")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def status(self) -> Status:
        """How far it is. People are served before all is built."""
        left = len(self._cold)
        if left > self._more:
            builds = compilations().built > self._built_before
            message = "Compiling, first time only" if builds else "Warming up"
            done = 1 - (left - self._more) / self._one
            return Status(phase="compiling", message=message, fraction=done)
        if left:
            done = 1 - left / self._more
            return Status(phase="ready", message=PREPARING, fraction=done)
        return Status(phase="ready", message=self._ready)


def tasks(programs: Programs, longest: int) -> list[Callable[[], None]]:
    """What texts of up to `longest` tokens need, in the order of their growth.

    Long prompts come after short ones, and records last: a first answer does not wait
    for them.
    """
    rings, (small, large) = _rings(programs, longest), programs.chunks
    reading = [
        partial(warm_up, programs, size, num_slots)
        for num_slots in rings
        for size in (small, 1, large)
    ]
    return [*reading, *(partial(warm_up_records, programs, ring) for ring in rings[:1])]


def tasks_for_rows(
    programs: Programs, longest: int, most: int
) -> list[Callable[[], None]]:
    """What up to `most` such texts at once need, the fewest first."""
    numbers = [2**n for n in range(1, most.bit_length())]
    return [
        partial(warm_up_rows, programs, rows, num_slots)
        for rows in numbers
        for num_slots in _rings(programs, longest)
    ]


def _rings(programs: Programs, longest: int) -> list[int]:
    last = programs.slots_for(longest, programs.window(None)) if longest else 0
    return [slots for slots in programs.slot_steps if slots <= last]


def warm_up(programs: Programs, size: int, num_slots: int) -> None:
    """The forward of this shape, the growth into it, and the sampler."""
    weights, cache = programs.weights(), programs.empty_cache(num_slots)
    step = programs.slot_steps.index(num_slots)
    if step > 0 and size == 1:
        smaller = programs.empty_cache(programs.slot_steps[step - 1])
        cache = programs.grow(smaller, num_slots)
    tokens = np.zeros(size, np.int32)
    logits, _, _ = programs.forward(weights, cache, tokens, 0, 1, 1)
    _draw(programs, logits)


def warm_up_records(programs: Programs, num_slots: int) -> None:
    """What is recorded of a token, if a run wants it."""
    weights, cache = programs.weights(), programs.empty_cache(num_slots)
    logits, _, _ = programs.forward(weights, cache, np.zeros(1, np.int32), 0, 1, 1)
    _draw(programs, logits, record=True)


def warm_up_rows(programs: Programs, rows: int, num_slots: int) -> None:
    """What `rows` texts at once need: to come, to be decoded, to go."""
    weights, one, half = programs.weights(), programs.empty_cache(num_slots), rows // 2
    cache = select_rows(repeat_rows(one, half), np.arange(rows, dtype=np.int32) % half)
    cache = put_row(cache, one, np.int32(0))
    tokens = np.zeros(rows, np.int32)
    logits, _, cache = programs.forward(weights, cache, tokens, 0, 1, 1)
    for left in (1, half):
        select_rows(cache, np.arange(left, dtype=np.int32))
    _draw(programs, logits, record=True)
    programs.allow_rows(weights, num_slots, rows)


def _draw(programs: Programs, logits: jax.Array, record: bool = False) -> None:
    rows = logits.shape[0]
    values = encode([GreedySampler().values()] * rows, [0] * rows)
    drawn = programs.sample(logits, values, 0, texts_of([[0]] * rows))
    known = programs.measure([drawn], values, [0]) if record else None
    jax.block_until_ready((drawn.tokens, known))
