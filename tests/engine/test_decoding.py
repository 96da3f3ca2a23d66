"""The loop: what it yields, when it ends, and that it can be stopped."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from playground.engine import (
    Compiling,
    Event,
    Finished,
    PrefillProgress,
    Request,
    Step,
    decode,
)
from playground.engine.kept_texts import KeptTexts
from playground.engine.programs import Programs
from playground.models import MistralCausalLM
from playground.samplers import GreedySampler, RandomSampler
from tests.conftest import tiny_model

GREEDY = Request(
    token_ids=(5, 6, 7),
    max_new_tokens=12,
    sampler=GreedySampler().values(),
    seed=0,
    stop_token_ids=frozenset(),
)


@pytest.fixture(scope="module")
def programs(tiny: MistralCausalLM) -> Programs:
    return Programs(tiny, chunks=(2, 5), first_slots=4)


@pytest.fixture(scope="module")
def answer(programs: Programs) -> list[int]:
    return tokens(decode(programs, GREEDY))


def tokens(events: Iterator[Event]) -> list[int]:
    return [event.token_id for event in events if isinstance(event, Step)]


def last(events: Iterator[Event]) -> Finished:
    *_, event = events
    assert isinstance(event, Finished)
    return event


def after(calls: int) -> Callable[[], bool]:
    """False for the first `calls` calls, then True."""
    left = iter([False] * calls)
    return lambda: next(left, True)


def test_greedy_takes_the_most_likely_token_each_time(
    answer: list[int], tiny: MistralCausalLM
) -> None:
    text = [*GREEDY.token_ids, *answer]
    logits = tiny({"token_ids": np.array([text]), "padding_mask": np.ones((1, 15))})
    assert answer == np.asarray(logits)[0].argmax(-1)[2:-1].tolist()


def test_events_come_in_order_and_end_with_one_finished(programs: Programs) -> None:
    events = list(decode(programs, GREEDY))
    kinds = [type(event) for event in events if not isinstance(event, Compiling)]
    assert kinds == [PrefillProgress] * 2 + [Step] * 12 + [Finished]
    progress = [event for event in events if isinstance(event, PrefillProgress)]
    assert [(p.done, p.total) for p in progress] == [(2, 3), (3, 3)]
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.index for step in steps] == list(range(12))
    assert steps[0].tokens_per_second == 0
    assert steps[1].tokens_per_second > 0


def test_it_stops_after_the_new_tokens_asked_for(programs: Programs) -> None:
    assert last(decode(programs, GREEDY)).reason == "length"


def test_no_work_is_done_after_the_last_token(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    whole = programs.forward

    def counted(*arguments: Any) -> Any:
        sizes.append(arguments[2].size)
        return whole(*arguments)

    monkeypatch.setattr(programs, "forward", counted)
    list(decode(programs, GREEDY))
    assert sizes == [2, 2] + [1] * 11  # three tokens in two chunks, then all but one


def test_zero_new_tokens_end_at_once(programs: Programs) -> None:
    events = list(decode(programs, replace(GREEDY, max_new_tokens=0)))
    assert [type(event) for event in events] == [Finished]
    assert last(iter(events)).reason == "length"


def test_a_stop_token_is_the_last_token(programs: Programs, answer: list[int]) -> None:
    stop = answer[4]
    events = list(decode(programs, replace(GREEDY, stop_token_ids=frozenset({stop}))))
    assert tokens(iter(events)) == answer[: answer.index(stop) + 1]
    assert last(iter(events)).reason == "stop"
    assert last(iter(events)).stopped_by == (stop,)


def test_stop_tokens_in_the_prompt_are_not_stops(
    programs: Programs, answer: list[int]
) -> None:
    assert 5 not in answer
    events = decode(programs, replace(GREEDY, stop_token_ids=frozenset({5})))
    assert last(events).reason == "length"


def test_cancelling_keeps_the_tokens_made_so_far(
    programs: Programs, answer: list[int]
) -> None:
    # Asked before each of two chunks, then after each token: two no, then yes.
    events = list(decode(programs, GREEDY, after(4)))
    assert tokens(iter(events)) == answer[:3]
    assert last(iter(events)).reason == "cancelled"


def test_cancelling_while_reading_the_prompt_ends_before_the_next_chunk(
    programs: Programs,
) -> None:
    events = list(decode(programs, GREEDY, after(1)))
    assert [type(e) for e in events if not isinstance(e, Compiling)] == [
        PrefillProgress,
        Finished,
    ]
    assert last(iter(events)).reason == "cancelled"


def test_the_same_seed_gives_the_same_tokens_and_another_seed_others(
    programs: Programs,
) -> None:
    random = replace(GREEDY, sampler=RandomSampler(temperature=3.0).values())
    first = tokens(decode(programs, replace(random, seed=7)))
    assert tokens(decode(programs, replace(random, seed=7))) == first
    assert tokens(decode(programs, replace(random, seed=8))) != first


def test_every_token_has_a_draw_of_its_own(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, whole = [], programs.sample

    def noted(*arguments: Any) -> Any:
        drawn.extend(arguments[2])
        return whole(*arguments)

    monkeypatch.setattr(programs, "sample", noted)
    list(decode(programs, GREEDY))
    assert drawn == list(range(12))


def test_the_window_of_a_run_changes_what_it_says(
    programs: Programs, answer: list[int]
) -> None:
    narrow = tokens(decode(programs, replace(GREEDY, sliding_window=1)))
    assert len(narrow) == 12
    assert narrow != answer


def test_a_run_with_a_window_is_a_model_with_that_window(programs: Programs) -> None:
    narrow = Programs(tiny_model(sliding_window=3), chunks=(2, 5), first_slots=4)
    expected = tokens(decode(narrow, GREEDY))
    assert tokens(decode(programs, replace(GREEDY, sliding_window=3))) == expected
    assert expected != tokens(decode(programs, GREEDY))


def test_a_model_of_nan_ends_in_an_error_and_not_in_a_token(
    programs: Programs, tiny: MistralCausalLM
) -> None:
    scale = tiny.backbone.layer_norm.scale
    good = np.asarray(scale.value)
    scale.assign(np.full_like(good, np.nan))
    kept = KeptTexts()
    try:
        with pytest.raises(FloatingPointError, match="no usable probabilities"):
            list(decode(programs, replace(GREEDY, owner="me"), kept=kept))
        assert kept.take("me") is None
    finally:
        scale.assign(good)
