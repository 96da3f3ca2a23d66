"""A text that goes on is read on, and says what it would have said anew."""

import weakref
from dataclasses import replace

import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.engine import (
    Engine,
    Finished,
    PrefillProgress,
    Request,
    Step,
    decode,
    kv_cache,
)
from playground.engine.kept_texts import KeptText, KeptTexts
from playground.engine.programs import Programs
from playground.samplers import (
    BeamSampler,
    ContrastiveSampler,
    GreedySampler,
    RandomSampler,
)

PROMPT = (5, 6, 7, 8, 9, 10, 11, 12, 13)


def request(prompt=PROMPT, **changes):
    asked = {
        "token_ids": prompt,
        "max_new_tokens": 6,
        "sampler": GreedySampler().values(),
        "seed": 0,
        "stop_token_ids": frozenset(),
        "owner": "me",
    }
    return Request(**asked | changes)


@pytest.fixture(scope="module")
def programs(tiny):
    """Window 7, rings of 4, 8 and 11 slots: every text here wraps."""
    return Programs(tiny, chunks=(2, 5), first_slots=4)


@pytest.fixture
def kept():
    return KeptTexts()


def run(programs, asked, kept=None):
    """(new tokens, the end) of a run that was listened to until its end."""
    events = list(decode(programs, asked, kept=kept))
    assert isinstance(events[-1], Finished)
    return [e.token_id for e in events if isinstance(e, Step)], events[-1]


def test_the_same_prompt_is_not_read_again(programs, kept, monkeypatch):
    tokens, first = run(programs, request(max_new_tokens=3), kept)
    sizes, whole = [], programs.forward
    monkeypatch.setattr(
        programs, "forward", lambda *a: (sizes.append(a[2].size), whole(*a))[1]
    )
    again, second = run(programs, request(max_new_tokens=3), kept)
    assert again == tokens
    assert (first.reused_tokens, second.reused_tokens) == (0, len(PROMPT))
    assert sizes == [1, 1]


def test_another_sampler_says_what_it_would_have_said_alone(programs, kept):
    drawn = request(sampler=RandomSampler(temperature=3.0).values(), max_new_tokens=3)
    alone = [run(programs, replace(drawn, seed=seed))[0] for seed in range(5)]
    run(programs, request(max_new_tokens=3), kept)
    for seed in range(5):
        tokens, end = run(programs, replace(drawn, seed=seed), kept)
        assert tokens == alone[seed]
        assert end.reused_tokens == len(PROMPT)


@settings(max_examples=25)
@given(
    first=st.lists(st.integers(1, 90), min_size=1, max_size=20),
    made=st.integers(1, 8),
    back=st.integers(0, 25),
    more=st.lists(st.integers(1, 90), min_size=0, max_size=6),
)
def test_an_edited_text_says_what_it_would_have_said_anew(
    programs, first, made, back, more
):
    kept = KeptTexts()
    tokens, _ = run(programs, request(tuple(first), max_new_tokens=made), kept)
    text = [*first, *tokens]
    edited = (*text[: max(0, len(text) - back)], *more) or (1,)
    expected, _ = run(programs, request(edited))
    assert run(programs, request(edited), kept)[0] == expected


def test_what_padding_has_written_over_is_gone(programs):
    # Read as 5, 5, 2 and 1 of 2: position 13 is padding, and lies where 2 lay.
    text = tuple(range(40, 53))
    for back_to, reused in ((9, 9), (8, 0)):
        kept, edited = KeptTexts(), (*text[:back_to], 90, 91)
        run(programs, request(text, max_new_tokens=1), kept)
        tokens, end = run(programs, request(edited), kept)
        assert end.reused_tokens == reused
        assert tokens == run(programs, request(edited))[0]


def test_what_went_on_is_reported_as_it_is_read(programs, kept):
    tokens, _ = run(programs, request(), kept)
    longer = request((*PROMPT, *tokens, 20, 21, 22))
    *events, end = decode(programs, longer, kept=kept)
    progress = [e for e in events if isinstance(e, PrefillProgress)]
    # The last token was chosen, but not read.
    assert end.reused_tokens == progress[0].done == len(PROMPT) + len(tokens) - 1
    assert progress[-1].done == progress[-1].total == len(PROMPT) + len(tokens) + 3


@pytest.mark.parametrize("changes", [{"sliding_window": 5}, {"owner": "you"}])
def test_another_window_or_owner_begins_anew(programs, kept, changes):
    run(programs, request(), kept)
    assert run(programs, request(**changes), kept)[1].reused_tokens == 0


def test_other_weights_begin_anew(programs, kept, monkeypatch):
    run(programs, request(), kept)
    weights = [weight + 0 for weight in programs.weights()]
    monkeypatch.setattr(programs, "weights", lambda: weights)
    assert run(programs, request(), kept)[1].reused_tokens == 0


def test_old_weights_are_not_held(programs, kept):
    run(programs, request(), kept)
    text = kept.take("me")
    assert all(isinstance(each, weakref.ref) for each in text.weights)


@pytest.mark.parametrize("sampler", [BeamSampler(2), ContrastiveSampler(2)])
def test_a_search_keeps_nothing_and_spoils_nothing(programs, kept, sampler):
    alone, _ = run(programs, request(sampler=sampler.values()))
    run(programs, request(), kept)
    assert run(programs, request(sampler=sampler.values()), kept)[0] == alone
    assert kept.num_bytes == 0


def test_a_stopped_run_is_kept_and_a_failed_one_is_not(programs, kept, monkeypatch):
    events = decode(programs, request(), kept=kept)
    while not isinstance(next(events), Step):
        pass
    events.close()
    assert run(programs, request(), kept)[1].reused_tokens == len(PROMPT)
    monkeypatch.setattr(programs, "sample", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(programs, request(), kept)
    assert kept.num_bytes == 0


def text_of(num_slots=11, written=15, num_read=9):
    plan = kv_cache.RingPlan.of([None])
    return KeptText(
        token_ids=tuple(range(written)),
        cache=kv_cache.empty(plan, 2, 4, [num_slots], "float32"),
        plan=plan,
        written=written,
        window=7,
        weights=[],
        logits=jnp.zeros((1, 3)),
        num_read=num_read,
    )


@pytest.mark.parametrize(
    ("back_to", "shared"),
    [(14, 14), (12, 12), (10, 10), (9, 0), (3, 0)],
)
def test_the_worked_example(back_to, shared):
    prompt = (*range(back_to), 99)
    assert text_of().shared_with(prompt, 7, []) == shared


def test_a_ring_that_has_not_wrapped_goes_back_anywhere():
    text = text_of(num_slots=16)
    for back_to in range(15):
        assert text.shared_with((*range(back_to), 99), 7, []) == back_to


def test_the_last_token_is_read_again_unless_its_logits_are_known():
    text = text_of(num_slots=16)
    assert text.shared_with(range(9), 7, []) == 9
    assert text.shared_with(range(8), 7, []) == 7
    assert text.shared_with(range(15), 7, []) == 14


def test_the_oldest_texts_go_first():
    size = text_of().num_bytes
    kept = KeptTexts(max_bytes=2 * size)
    for owner in ("one", "two", "one", "three"):
        kept.put(owner, text_of())
    assert kept.num_bytes == 2 * size
    assert kept.take("two") is None
    assert kept.take("one") is not None
    assert kept.take("three") is not None


def test_the_engine_keeps_the_texts_of_its_sessions(tiny):
    engine = Engine(lambda *_: tiny, warm_length=0)
    try:
        for expected in (0, len(PROMPT)):
            *_, end = engine.submit(request())
            assert end.reused_tokens == expected
    finally:
        engine.close()


def test_a_text_too_large_to_keep_is_dropped():
    kept = KeptTexts(max_bytes=10)
    kept.put("me", text_of())
    assert kept.num_bytes == 0
