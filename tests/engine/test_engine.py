"""The thread that owns the model: turns, stops, faults, and the way in and out."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from playground.engine import (
    BusyError,
    Engine,
    Event,
    Finished,
    Loading,
    Meanwhile,
    ModelUnavailable,
    Queued,
    Request,
    Run,
    Step,
    compilations,
    scheduler,
    warm_up,
)
from playground.engine.engine import MAX_ACTIVE, MAX_WAITING
from playground.models import MistralCausalLM
from playground.samplers import RandomSampler
from playground.system.progress import Progress
from tests.conftest import tiny_model

Load = Callable[[Progress, Meanwhile], Any]


def request(seed: int = 0, max_new_tokens: int = 20, prompt: int = 4) -> Request:
    return Request(
        token_ids=tuple(range(1, prompt + 1)),
        max_new_tokens=max_new_tokens,
        sampler=RandomSampler(temperature=3.0).values(),
        seed=seed,
        stop_token_ids=frozenset(),
    )


ENDLESS = request(max_new_tokens=100_000)


def tokens(events: list[Event]) -> list[int]:
    return [event.token_id for event in events if isinstance(event, Step)]


@pytest.fixture
def engines() -> Iterator[Callable[..., Engine[Any]]]:
    opened: list[Engine[Any]] = []

    def open_engine(load: Load, warm_length: int = 0, **options: Any) -> Engine[Any]:
        opened.append(Engine(load, warm_length, **options))
        return opened[-1]

    yield open_engine
    for engine in opened:
        engine.close()


@pytest.fixture(scope="module")
def tiny_engine() -> Iterator[Engine[MistralCausalLM]]:
    engine = Engine(lambda *_: tiny_model(context_length=200_000), 100)
    assert engine.wait(60).phase == "ready"
    yield engine
    engine.close()


def first_step(run: Iterator[Event]) -> Step:
    return next(event for event in run if isinstance(event, Step))


def test_runs_side_by_side_say_what_they_say_alone(
    tiny_engine: Engine[MistralCausalLM],
) -> None:
    requests = [request(seed, 15 + seed, prompt=3 + 7 * seed) for seed in range(8)]
    alone = [tokens(list(tiny_engine.submit(r))) for r in requests]
    together: dict[int, list[Event]] = {}

    def listen(index: int, run: Run) -> None:
        together[index] = list(run)

    runs = [tiny_engine.submit(r) for r in requests]
    threads = [threading.Thread(target=listen, args=pair) for pair in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [tokens(together[i]) for i in range(8)] == alone
    assert len({tuple(said) for said in alone}) == 8


def test_a_short_run_overtakes_a_long_one(
    tiny_engine: Engine[MistralCausalLM],
) -> None:
    long = tiny_engine.submit(ENDLESS)
    events = iter(long)
    first_step(events)
    short = list(tiny_engine.submit(request()))
    assert tokens(short)
    long.cancel()
    *_, end = events
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"


def test_closing_the_iterator_ends_the_run(
    tiny_engine: Engine[MistralCausalLM],
) -> None:
    run = tiny_engine.submit(ENDLESS)
    events = iter(run)
    first_step(events)
    assert not run.is_cancelled()
    events.close()  # type: ignore[attr-defined]  # a generator
    assert run.is_cancelled()


def test_those_who_wait_learn_their_place_and_can_leave_the_line(
    tiny_engine: Engine[MistralCausalLM],
) -> None:
    active = [tiny_engine.submit(ENDLESS) for _ in range(MAX_ACTIVE)]
    for run in active:
        first_step(iter_without_closing(run))
    waiting = tiny_engine.submit(request())
    events = iter(waiting)
    assert next(events) == Queued(ahead=MAX_ACTIVE)
    waiting.cancel()
    assert list(events) == [Finished(reason="cancelled")]
    for run in active:
        run.cancel()


def iter_without_closing(run: Run) -> Iterator[Event]:
    """The run's own generator would cancel it when it is collected."""
    while True:
        yield run._events.get(timeout=30)


def test_a_full_line_is_refused_with_words(
    engines: Callable[..., Engine[Any]],
) -> None:
    gate = threading.Event()

    def load(*_: object) -> MistralCausalLM:
        gate.wait(30)
        return tiny_model()

    engine = engines(load)
    for _ in range(MAX_WAITING):
        engine.submit(request())
    with pytest.raises(BusyError, match="people are waiting"):
        engine.submit(request())
    gate.set()


def test_runs_wait_for_the_model_and_hear_how_it_gets_on(
    engines: Callable[..., Engine[Any]],
) -> None:
    gate = threading.Event()

    def load(report: Progress, _meanwhile: Meanwhile) -> MistralCausalLM:
        report("Loading weights", 0.25)
        gate.wait(30)
        return tiny_model()

    engine = engines(load)
    events = iter(engine.submit(request()))
    heard = next(events)
    while heard != Loading(message="Loading weights", fraction=0.25):
        heard = next(events)
    assert engine.model is None
    gate.set()
    assert len(tokens(list(events))) == 20


def test_a_model_that_cannot_be_loaded_ends_all_runs_with_the_reason(
    engines: Callable[..., Engine[Any]],
) -> None:
    gate = threading.Event()

    def load(*_: object) -> MistralCausalLM:
        gate.wait(30)
        raise ModelUnavailable("model.gguf: the file ends early")

    engine = engines(load)
    early = engine.submit(request())
    gate.set()
    expected = [Finished(reason="error", message="model.gguf: the file ends early")]
    assert [e for e in early if not isinstance(e, Loading)] == expected
    assert list(engine.submit(request())) == expected
    assert engine.wait(5).phase == "failed"


def test_a_run_that_fails_leaves_the_engine_and_the_others_alive(
    tiny_engine: Engine[MistralCausalLM],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert tiny_engine.model is not None
    programs = tiny_engine.model.programs
    whole = programs.forward

    def broken(*arguments: Any) -> Any:
        if arguments[2].size == 1:
            raise MemoryError("no room")
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(programs, "forward", broken)
        *_, end = tiny_engine.submit(request())
    assert end == Finished(reason="error", message="MemoryError: no room")
    assert "no room" in caplog.text
    assert len(tokens(list(tiny_engine.submit(request())))) == 20


def test_a_run_that_cannot_be_let_in_fails_alone(
    tiny_engine: Engine[MistralCausalLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(scheduler, "Reader", broken)
        (end,) = tiny_engine.submit(request())
    assert end == Finished(reason="error", message="MemoryError: no room")
    assert len(tokens(list(tiny_engine.submit(request())))) == 20


def test_where_preparing_fails_runs_are_served_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(warm_up, "warm_up_rows", broken)
    engine = Engine(lambda *_: tiny_model(), warm_length=10, warm_rows=2)
    assert engine.wait_until_warm(60)
    assert "no room" in caplog.text
    assert len(tokens(list(engine.submit(request())))) == 20
    engine.close()


def test_programs_are_built_while_the_weights_are_read(engines: Any) -> None:
    def load(_report: Progress, meanwhile: Meanwhile) -> MistralCausalLM:
        model = tiny_model()
        programs, until = model.programs, time.monotonic() + 60
        with meanwhile(model):
            while programs.most_rows(programs.weights(), programs.slot_steps[0]) < 2:
                assert time.monotonic() < until
                time.sleep(0.01)
        return model

    engine = engines(load, warm_length=10, warm_rows=2)
    assert engine.wait(60).phase == "ready"
    before = compilations()
    assert len(tokens(list(engine.submit(request())))) == 20
    assert compilations() == before


def test_what_fails_while_programs_are_built_is_said(engines: Any) -> None:
    def load(_report: Progress, meanwhile: Meanwhile) -> MistralCausalLM:
        with meanwhile(tiny_model()):
            raise ModelUnavailable("model.gguf: the file ends early")

    engine = engines(load, warm_length=10)
    assert engine.wait(60).message == "model.gguf: the file ends early"
    assert "warm-up" not in {thread.name for thread in threading.enumerate()}


def test_a_fault_between_the_runs_ends_them_and_is_said(
    monkeypatch: pytest.MonkeyPatch, engines: Any
) -> None:
    engine = engines(lambda *_: tiny_model())
    run = engine.submit(ENDLESS)
    first_step(iter_without_closing(run))

    def broken(*_: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(scheduler.Scheduler, "advance", broken)
    *_, end = iter_without_closing_until_end(run)
    assert end == Finished(reason="error", message="MemoryError: no room")
    (refused,) = engine.submit(request())
    assert refused == Finished(reason="error", message="no room")


def test_closing_ends_runs_and_refuses_new_ones() -> None:
    engine = Engine(lambda *_: tiny_model(), 0)
    run = engine.submit(ENDLESS)
    first_step(iter_without_closing(run))
    engine.close()
    ends = [e for e in iter_without_closing_until_end(run) if isinstance(e, Finished)]
    assert [end.reason for end in ends] == ["cancelled"]
    (refused,) = engine.submit(request())
    assert refused == Finished(reason="error", message="The model was closed.")
    assert engine.model is None


def iter_without_closing_until_end(run: Run) -> Iterator[Event]:
    for event in iter_without_closing(run):
        yield event
        if isinstance(event, Finished):
            return


def test_stopping_frees_the_engine_within_a_step(
    tiny_engine: Engine[MistralCausalLM],
) -> None:
    run = tiny_engine.submit(ENDLESS)
    events = iter(run)
    first_step(events)
    run.cancel()
    left = tokens(list(events))
    deadline = time.monotonic() + 5
    while tiny_engine._num_active and time.monotonic() < deadline:
        time.sleep(0.01)
    assert tiny_engine._num_active == 0
    assert len(left) < 1000
