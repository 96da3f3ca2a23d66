"""Nothing compiles while people play, whatever they change, however many they are."""

import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
import pytest

from playground.engine import Engine, Event, Finished, Request, compilations
from playground.engine.batch import Batch
from playground.engine.kept_texts import KeptTexts
from playground.engine.programs import Programs
from playground.engine.scheduler import Scheduler
from playground.models import MistralCausalLM, MistralCausalLMPreprocessor
from playground.samplers import GreedySampler
from playground.session import Session
from playground.settings import GenerationSettings
from tests.conftest import tiny_model

WORDS = "the sea is wide the sky is wider "
PEOPLE, RUNS = 8, 10


def settings(run: int) -> GenerationSettings:
    """Everything that a person can change."""
    numbers = np.random.default_rng(run)
    return GenerationSettings(
        sampler=("greedy", "random", "top_k", "top_p")[run % 4],
        temperature=float(numbers.choice([0.0, 0.3, 1.0, 1.9])),
        top_k=int(numbers.integers(1, 1000)),
        top_p=float(numbers.choice([0.05, 0.5, 1.0])),
        seed=None if run % 3 else int(numbers.integers(2**32)),
        max_new_tokens=None if run % 5 == 0 else int(numbers.integers(1, 30)),
        max_length=None if run % 5 else 580,
        shorten_prompt=True,
        stop_token_ids=("auto", None, (2, 198), tuple(range(100, 300)))[run % 4],
        sliding_window=(None, 1, 32, 300, 599)[run % 5],
        chat=False,
        strip_prompt=bool(run % 3),
    )


def test_eighty_runs_of_eight_people_over_everything_compile_nothing(
    preprocessor: MistralCausalLMPreprocessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tiny_model(
        num_layers=1,
        vocabulary_size=preprocessor.tokenizer.vocabulary_size(),
        sliding_window=None,
        context_length=900,
    )
    model = MistralCausalLM(small.backbone, preprocessor)
    engine = Engine(lambda *_: model, warm_length=900, warm_rows=PEOPLE)
    assert engine.wait_until_warm(300)
    together, lengths = set(), set()
    step = Batch.step
    faults: list[str] = []

    def counted(batch: Batch) -> Any:
        together.add((batch.num_slots, len(batch.rows)))
        return step(batch)

    def person(number: int) -> None:
        session, numbers = Session(engine), np.random.default_rng(number)
        for run in range(number, PEOPLE * RUNS, PEOPLE):
            prompt = WORDS * int(numbers.choice([1, 5, 30, 60]))
            *_, end = session.generate(prompt, settings(run))
            assert isinstance(end, Finished)
            if end.reason not in ("stop", "length") or end.compilations:
                faults.append(repr(end))
            if session.transcript is not None:
                lengths.add(len(session.transcript.prompt_token_ids))

    monkeypatch.setattr(Batch, "step", counted)
    before = compilations()
    people = [threading.Thread(target=person, args=(each,)) for each in range(PEOPLE)]
    for each in people:
        each.start()
    for each in people:
        each.join(120)
    after = compilations()
    engine.close()
    assert not faults
    assert after == before
    assert max(lengths) > 512  # both rings were used
    assert len({slots for slots, _ in together}) == 2
    assert max(rows for _, rows in together) > 4


def test_the_count_notices_a_program_that_is_built_or_read() -> None:
    model = tiny_model(num_layers=1)
    before = compilations()
    cache = model.programs.empty_cache(model.programs.slot_steps[0])
    model.programs.forward(
        model.programs.weights(), cache, np.zeros(32, np.int32), 0, 1, 1
    )
    after = compilations()
    assert after.built + after.read == before.built + before.read + 1


def test_a_run_counts_what_was_built_for_it_alone(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    """Not what another run needed meanwhile, nor what other threads build."""
    size = preprocessor.tokenizer.vocabulary_size()
    small = tiny_model(
        num_layers=1,
        vocabulary_size=size,
        sliding_window=None,
        intermediate_dim=41 + secrets.randbelow(4000),  # of no earlier run of the tests
    )
    programs = Programs(small, chunks=(2, 5), first_slots=8)
    scheduler = Scheduler(programs, KeptTexts())
    warm, new = Heard(asking(12)), Heard(asking(60))
    scheduler.admit(Heard(asking(12)))
    while scheduler:
        scheduler.advance()
    scheduler.admit(warm)
    scheduler.admit(new)
    size = 13 + secrets.randbelow(4000)  # of no earlier run either
    other = threading.Thread(target=lambda: jax.jit(lambda x: x * 3 + 7)(np.ones(size)))
    before = compilations().built
    other.start()
    other.join()
    while scheduler:
        scheduler.advance()
    assert compilations().built - before > new.end.compilations > 0
    assert warm.end.compilations == 0
    assert warm.end.timings.compile == 0 < new.end.timings.compile


def asking(max_new_tokens: int) -> Request:
    return Request(
        token_ids=(5, 6, 7),
        max_new_tokens=max_new_tokens,
        sampler=GreedySampler().values(),
        seed=0,
        stop_token_ids=frozenset(),
    )


@dataclass
class Heard:
    """A listener that keeps the end."""

    request: Request
    ends: list[Finished] = field(default_factory=list)

    @property
    def end(self) -> Finished:
        (end,) = self.ends
        return end

    def is_cancelled(self) -> bool:
        return False

    def put(self, event: Event) -> None:
        if isinstance(event, Finished):
            self.ends.append(event)

    def fail(self, error: Exception) -> None:
        raise error
