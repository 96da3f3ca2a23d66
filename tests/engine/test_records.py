"""What is recorded of each token, and what penalties see of the text."""

import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from playground.engine import Request, Step, TokenRecord, decode, recorder
from playground.engine.programs import Programs
from playground.engine.texts import HISTORY, texts_of
from playground.models import MistralCausalLM
from playground.samplers import (
    ChainSampler,
    GreedySampler,
    Sampler,
    TopKSampler,
    encode,
    sample,
)

PROMPT = (5, 6, 7, 5, 6)
NEW = 14  # longer than the window of 7


@pytest.fixture(scope="module")
def programs(tiny: MistralCausalLM) -> Programs:
    return Programs(tiny, chunks=(2, 5), first_slots=4)


def asking(sampler: Sampler) -> Request:
    return Request(
        token_ids=PROMPT,
        max_new_tokens=NEW,
        sampler=sampler.values(),
        seed=3,
        stop_token_ids=frozenset(),
        record=True,
    )


def steps(programs: Programs, sampler: Sampler, **changes: Any) -> list[Step]:
    events = decode(programs, replace(asking(sampler), **changes))
    return [event for event in events if isinstance(event, Step)]


def logits_of(model: MistralCausalLM, made: list[Step]) -> np.ndarray:
    """The logits [NEW, V] before each new token, from one pass over the whole text."""
    text = [*PROMPT, *(step.token_id for step in made)]
    mask = np.ones((1, len(text)))
    logits = model({"token_ids": np.array([text]), "padding_mask": mask})
    return np.asarray(logits, np.float64)[0, len(PROMPT) - 1 : -1]


def record(step: Step) -> TokenRecord:
    assert step.record is not None
    return step.record


@pytest.mark.parametrize(
    "sampler", [GreedySampler(), TopKSampler(k=4, temperature=2.0)]
)
def test_records_are_those_of_the_models_own_distribution(
    programs: Programs, tiny: MistralCausalLM, sampler: Sampler
) -> None:
    made = steps(programs, sampler)
    logits = logits_of(tiny, made)
    logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    for step, row in zip(made, logprobs, strict=True):
        known = record(step)
        assert known.logprob == pytest.approx(row[step.token_id], abs=1e-3)
        assert known.rank == 1 + (row > row[step.token_id] + 1e-6).sum()
        entropy = -(np.exp(row) * row).sum()
        assert known.entropy == pytest.approx(entropy, abs=1e-3)
        assert known.choices == pytest.approx(np.exp(entropy), rel=1e-3)
        assert [top.token_id for top in known.top] == np.argsort(-row)[:20].tolist()
        kept = np.argsort(-row)[: 1 if sampler.temperature == 0 else 4]
        assert step.token_id in kept
        shares = {top.token_id: top.chain_probability for top in known.top}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert known.chain_logprob == pytest.approx(np.log(shares[step.token_id]))


def test_stages_tell_what_they_left(programs: Programs) -> None:
    for step in steps(programs, TopKSampler(k=4, temperature=2.0)):
        stages = {each.stage: each for each in record(step).stages}
        assert stages["model"].tokens == 97
        assert stages["model"].probability == pytest.approx(1, abs=1e-5)
        assert stages["top_k"].tokens == 4
        kept = sum(top.probability for top in record(step).top[:4])
        assert stages["top_k"].probability == pytest.approx(kept, abs=1e-5)


def test_nothing_is_recorded_unless_it_is_wanted(programs: Programs) -> None:
    asked = steps(programs, TopKSampler(k=4))
    unasked = steps(programs, TopKSampler(k=4), record=False)
    assert [step.record for step in unasked] == [None] * NEW
    assert [s.token_id for s in asked] == [s.token_id for s in unasked]


CHAIN = ChainSampler(
    temperature=1.5,
    repetition_penalty=2.0,
    frequency_penalty=0.5,
    penalty_last_n=-1,
    dry_multiplier=2.0,
    dry_allowed_length=1,
)


def test_penalties_see_prompt_and_answer(
    programs: Programs, tiny: MistralCausalLM
) -> None:
    """Each token is what the chain draws from the whole text before it."""
    made = steps(programs, CHAIN)
    text = [*PROMPT, *(step.token_id for step in made)]
    draw = jax.jit(sample)
    values = encode([CHAIN.values()], [3])
    plain = encode([replace(CHAIN.values(), repetition_penalty=1.0)], [3])
    others = []
    for index, row in enumerate(logits_of(tiny, made)):
        history = np.full((1, HISTORY), -1, np.int32)
        before = text[: len(PROMPT) + index]
        history[0, HISTORY - len(before) :] = before
        arguments = np.float32(row[None]), np.array([index], np.int32), history
        token = draw(arguments[0], values, *arguments[1:])
        assert int(token[0]) == made[index].token_id
        others.append(int(draw(arguments[0], plain, *arguments[1:])[0]))
    assert others != [step.token_id for step in made]


@pytest.mark.parametrize("length", [1, 2, HISTORY, HISTORY + 1, HISTORY + 2, 2000])
def test_the_last_tokens_of_a_text(length: int) -> None:
    history, tokens = texts_of([list(range(length)), [7]])
    assert tokens.tolist() == [length - 1, 7]
    before = list(range(length - 1))[-HISTORY:]
    padding = [-1] * (HISTORY - len(before))
    assert history[0].tolist() == padding + before
    assert history[1].tolist() == [-1] * HISTORY


def test_records_read_one_by_one_are_those_that_are_measured_together(
    programs: Programs,
) -> None:
    at_once = []
    for event in decode(programs, asking(CHAIN)):
        if isinstance(event, Step):
            assert event.record is not None
            assert event.record.top  # measured before the next token comes
            at_once.append((event.token_id, repr(event.record)))
    together = steps(programs, CHAIN)
    assert at_once == [(step.token_id, repr(step.record)) for step in together]
    assert all(record(s).num_kept == record(s).stages[-1].tokens for s in together)
    copied = copy.deepcopy(record(together[5]))
    assert copied == record(together[5]) != record(together[6])


def test_what_waits_to_be_measured_does_not_pile_up(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nobody reads it, and the thread that measures is busy."""
    waiting: list[Any] = []
    busy = SimpleNamespace(submit=waiting.append)
    monkeypatch.setattr(recorder, "_measuring", busy)
    monkeypatch.setattr(Programs, "measured_together", staticmethod(lambda _: 2))
    steps(programs, GreedySampler(), max_new_tokens=40)
    unmeasured = [each for each in waiting if not each.__self__.is_measured]
    assert len(waiting) == 20
    assert len(unmeasured) <= recorder.MOST_BLOCKS
