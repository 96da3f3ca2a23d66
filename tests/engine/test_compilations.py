"""Nothing compiles while someone plays."""

import numpy as np

from playground.engine import Engine, Finished, compilations
from playground.models import MistralCausalLM
from playground.session import Session
from playground.settings import GenerationSettings
from tests.conftest import tiny_model

WORDS = "a tiny model of the sea and of the sky above it "


def test_forty_runs_over_everything_compile_nothing(
    engine: Engine[MistralCausalLM],
) -> None:
    numbers = np.random.default_rng(11)
    session = Session(engine)
    before = compilations()
    longest, reasons = 0, set()
    for run in range(40):
        settings = GenerationSettings(
            sampler=("greedy", "random", "top_k", "top_p")[run % 4],
            temperature=float(numbers.choice([0.0, 0.3, 1.0, 1.9])),
            top_k=int(numbers.integers(1, 1000)),
            top_p=float(numbers.choice([0.05, 0.5, 1.0])),
            seed=None if run % 3 else int(numbers.integers(2**32)),
            max_new_tokens=None if run % 5 == 0 else int(numbers.integers(1, 5)),
            max_length=None if run % 5 else 512,
            stop_token_ids=("auto", None, (2, 198), tuple(range(400)))[run % 4],
            sliding_window=(None, 1, 32, 300, 8192)[run % 5],
            chat=bool(run % 2),
            strip_prompt=bool(run % 3),
        )
        if settings.max_length is not None:  # few new tokens: a long prompt
            prompt = WORDS * 38
        else:
            prompt = WORDS * int(numbers.integers(1, 41))
        *_, end = session.generate(prompt, settings)
        assert isinstance(end, Finished)
        assert end.reason in ("stop", "length"), end
        assert end.compilations == 0
        assert session.transcript is not None
        longest = max(longest, len(session.transcript.prompt_token_ids))
        reasons.add(end.reason)
    assert compilations() == before
    assert longest > 480


def test_the_count_notices_a_program_that_is_built_or_read() -> None:
    model = tiny_model(num_layers=1)
    before = compilations()
    cache = model.programs.empty_cache(model.programs.slot_steps[0])
    model.programs.forward(
        model.programs.weights(), cache, np.zeros(32, np.int32), 0, 1, 1
    )
    after = compilations()
    assert after.built + after.read == before.built + before.read + 1
