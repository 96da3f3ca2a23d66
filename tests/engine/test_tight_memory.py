"""Where memory is tight people take turns, wait, or hear why not; nobody is killed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from playground.engine import (
    Engine,
    Event,
    Finished,
    PrefillProgress,
    Queued,
    Request,
    Step,
)
from playground.engine import engine as engine_module
from playground.engine.kept_texts import KeptTexts
from playground.engine.scheduler import Scheduler
from playground.engine.warm_up import WarmUp
from playground.samplers import BeamSampler, ContrastiveSampler, GreedySampler
from playground.system import free_memory
from tests.conftest import TINY, tiny_model

PLENTY = 64 * 2**30
SLOT_BYTES = 2 * TINY["num_layers"] * TINY["num_key_value_heads"] * TINY["head_dim"] * 4
"""Keys and values of a token, in float32: 2 x 3 layers x 2 heads x 10 numbers."""


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    """Says what is free from now on."""

    def free(answer: Callable[[], int]) -> None:
        monkeypatch.setattr(free_memory, "free_bytes", answer)

    return free


@pytest.fixture
def engines() -> Iterator[Callable[..., Engine[Any]]]:
    opened: list[Engine[Any]] = []

    def open_engine(**options: Any) -> Engine[Any]:
        opened.append(Engine(lambda *_: tiny_model(), 100, **options))
        return opened[-1]

    yield open_engine
    for engine in opened:
        engine.close()


def request(max_new_tokens: int = 20, first: int = 1, **changes: Any) -> Request:
    asked = Request(
        token_ids=(first, 5, 9, 13),
        max_new_tokens=max_new_tokens,
        sampler=GreedySampler().values(),
        seed=0,
        stop_token_ids=frozenset(),
    )
    return replace(asked, **changes)


def tokens(events: list[Event]) -> list[int]:
    return [event.token_id for event in events if isinstance(event, Step)]


@pytest.mark.parametrize(
    ("fitting_rows", "words"), [(1, "one text at once"), (2, "2 texts at once")]
)
def test_programs_for_several_texts_are_left_out_where_they_do_not_fit(
    engines: Any, free: Any, fitting_rows: int, words: str
) -> None:
    engine = engines(warm_rows=8)

    def rows() -> int:
        programs = engine.model.programs
        return int(programs.most_rows(programs.weights(), programs.slot_steps[0]))

    free(lambda: PLENTY if engine.model and rows() < fitting_rows else 0)
    assert engine.wait_until_warm(60)
    assert rows() == fitting_rows
    assert words in engine.status.message
    free(lambda: PLENTY)
    runs = [engine.submit(request(first=n)) for n in (1, 2, 3)]
    together = [tokens(list(run)) for run in runs]
    alone = [tokens(list(engine.submit(request(first=n)))) for n in (1, 2, 3)]
    assert together == alone
    assert all(len(each) == 20 for each in together)


def test_what_building_took_decides_what_comes_next(engines: Any, free: Any) -> None:
    """Twice what the largest took, and the reserve; a byte less is too little."""
    engine = engines()
    assert engine.wait_until_warm(60)
    warm_up = WarmUp(engine.model.programs, 100, 2)
    warm_up._largest = 1000
    free(lambda: free_memory.SCARCE_BYTES + 2000)
    assert warm_up._has_room()
    free(lambda: free_memory.SCARCE_BYTES + 1999)
    assert not warm_up._has_room()


def test_a_run_waits_in_line_until_its_ring_fits(
    engines: Any, free: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedulers: list[Scheduler] = []

    class Seen(Scheduler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            schedulers.append(self)

    monkeypatch.setattr(engine_module, "Scheduler", Seen)
    engine = engines()
    assert engine.wait_until_warm(60)
    alone = tokens(list(engine.submit(request(first=2))))
    free(lambda: 0 if len(schedulers[0]) else PLENTY)
    first = engine.submit(request(100_000, first=1))
    heard = iter(first)  # closing it would end the run
    second = engine.submit(request(first=2))
    assert isinstance(next(heard), PrefillProgress)
    events = iter(second)
    assert next(events) == Queued(ahead=1)
    assert len(schedulers[0]) == 1
    first.cancel()
    assert tokens(list(events)) == alone


def test_a_text_that_never_fits_is_refused_in_words(engines: Any, free: Any) -> None:
    engine = engines()
    assert engine.wait(60).phase == "ready"
    slots = engine.model.programs.slot_steps[0]  # 7 + 128 - 1: the only ring
    free(lambda: 2 * slots * SLOT_BYTES - 1)
    (end,) = engine.submit(request(96))
    assert end.reason == "error"
    assert "A text of 100 tokens may need 0.0 GB of memory here" in end.message
    assert "Ask for fewer new tokens or beams" in end.message
    free(lambda: 2 * slots * SLOT_BYTES)
    assert len(tokens(list(engine.submit(request(96))))) == 96


@pytest.mark.parametrize(
    ("sampler", "rows"),
    [
        (GreedySampler(), 1),
        (BeamSampler(num_beams=5), 8),
        (ContrastiveSampler(k=4), 4),
    ],
)
def test_a_search_counts_each_of_its_rows(
    tiny: Any, free: Any, sampler: Any, rows: int
) -> None:
    scheduler = Scheduler(tiny.programs, KeptTexts())
    needed = 2 * rows * tiny.programs.slot_steps[0] * SLOT_BYTES
    asked = request(sampler=sampler.values())
    free(lambda: needed)
    assert scheduler.memory_fault(asked) is None
    free(lambda: needed - 1)
    assert scheduler.memory_fault(asked) is not None


class Kept:
    num_bytes = 1


def test_kept_texts_make_room_the_oldest_first(free: Any) -> None:
    texts: Any = KeptTexts()
    free(lambda: PLENTY)
    for owner in "abc":
        texts.put(owner, Kept())
    free(lambda: 10 - texts.num_bytes)
    assert texts.make_room(8)
    assert [bool(texts.take(owner)) for owner in "abc"] == [False, True, True]
    assert not texts.make_room(11)


def test_nothing_is_kept_while_memory_is_scarce(free: Any) -> None:
    texts: Any = KeptTexts()
    free(lambda: free_memory.SCARCE_BYTES - 1)
    texts.put("a", Kept())
    assert texts.take("a") is None


def test_finished_is_the_only_event_of_a_refused_run(engines: Any, free: Any) -> None:
    engine = engines()
    assert engine.wait(60).phase == "ready"
    free(lambda: 0)
    assert [type(event) for event in engine.submit(request())] == [Finished]
