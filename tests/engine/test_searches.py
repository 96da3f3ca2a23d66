"""Beam and contrastive search against slow ones, written to be read, in float64."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.engine import (
    Beam,
    Beams,
    Finished,
    Request,
    Step,
    decode,
    kv_cache,
    search_programs,
)
from playground.engine.programs import Programs
from playground.engine.rows import repeat_rows, rows_for, select_rows
from playground.samplers import BeamSampler, ContrastiveSampler, GreedySampler
from tests.oracles import numpy_mistral

PROMPT, NEW = (5, 6, 7), 14  # longer than the window of 7 and its ring of 11 slots
NOWHERE = frozenset()


@pytest.fixture(scope="module")
def programs(tiny):
    return Programs(tiny, chunks=(2, 5), first_slots=4)


@pytest.fixture(scope="module")
def oracle(tiny):
    """The tiny model in numpy: (logits [T, V], hidden states [T, d]) of a text."""
    config = tiny.backbone.get_config()
    weights = {v.path: np.asarray(v.value) for v in tiny.backbone.variables}

    def read(text):
        return (
            numpy_mistral.forward(weights, config, text),
            numpy_mistral.hidden_states(weights, config, text),
        )

    return read


def request(sampler, **changes):
    return Request(
        token_ids=PROMPT,
        max_new_tokens=changes.pop("max_new_tokens", NEW),
        sampler=sampler.values(),
        seed=0,
        stop_token_ids=frozenset(changes.pop("stops", NOWHERE)),
        **changes,
    )


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def slow_beams(read, num_beams, temperature, stops, steps):
    """All continuations of all beams, sorted; gives the kept beams of each step."""
    kept = [((), 0.0)]
    for _ in range(steps):
        found = [beam for beam in kept if set(beam[0]) & stops]
        for text, score in kept:
            if not set(text) & stops:
                chances = softmax(read([*PROMPT, *text])[0][-1] / temperature)
                found += [
                    ((*text, token), score + np.log(chance))
                    for token, chance in enumerate(chances)
                ]
        kept = sorted(found, key=lambda beam: -beam[1])[:num_beams]
        yield kept, sorted(found, key=lambda beam: -beam[1])[num_beams : 2 * num_beams]


@pytest.mark.parametrize(
    ("num_beams", "temperature"), [(1, 1.0), (2, 3.0), (3, 1.0), (5, 6.0)]
)
def test_beams_are_those_of_a_slow_search(programs, oracle, num_beams, temperature):
    sampler = BeamSampler(num_beams, temperature=temperature)
    events = [e for e in decode(programs, request(sampler)) if isinstance(e, Beams)]
    steps = slow_beams(oracle, num_beams, temperature, NOWHERE, NEW)
    for event, (kept, pruned) in zip(events, steps, strict=True):
        assert [beam.token_ids for beam in event.beams] == [text for text, _ in kept]
        assert [beam.log_probability for beam in event.beams] == pytest.approx(
            [score for _, score in kept], abs=1e-4
        )
        assert [b.token_ids for b in event.pruned] == [text for text, _ in pruned]


def test_beams_that_ended_keep_their_place(programs, oracle):
    everything = BeamSampler(4, return_all_beams=True, temperature=4.0)
    (best, *_), _ = list(slow_beams(oracle, 4, 4.0, NOWHERE, 6))[-1]
    stops = {best[0][2], best[0][5]}
    events = list(decode(programs, request(everything, stops=stops)))
    beams = [event for event in events if isinstance(event, Beams)]
    steps = slow_beams(oracle, 4, 4.0, stops, len(beams))
    for event, (kept, _) in zip(beams, steps, strict=True):
        expected = [
            Beam(t, pytest.approx(s, abs=1e-4), bool(set(t) & stops)) for t, s in kept
        ]
        assert list(event.beams) == expected
    assert any(b.is_finished for b in beams[-2].beams)
    assert any(not b.is_finished for b in beams[-2].beams)


def test_the_search_is_over_once_the_best_text_has_ended(programs, oracle):
    (best, *_), _ = list(slow_beams(oracle, 3, 1.0, NOWHERE, NEW))[-1]
    stop = best[0][3]
    *_, last, finished = decode(programs, request(BeamSampler(3), stops={stop}))
    assert isinstance(last, Beams)
    assert last.beams[0].is_finished
    assert not all(beam.is_finished for beam in last.beams)
    assert (finished.reason, finished.stopped_by) == ("stop", (stop,))


def test_a_beam_ends_with_a_stop_that_began_in_the_answer_before(programs):
    *_, first, _ = decode(programs, request(BeamSampler(3), max_new_tokens=1))
    stop = (PROMPT[-1], first.beams[0].token_ids[0])
    goes_on = request(BeamSampler(3), answered=1, stop_sequences=(stop,))
    *_, last, finished = decode(programs, goes_on)
    assert last.beams[0].token_ids == stop[1:]
    assert (finished.reason, finished.stopped_by) == ("stop", stop)


def test_one_beam_is_greedy(programs):
    greedy = decode(programs, request(GreedySampler()))
    tokens = tuple(event.token_id for event in greedy if isinstance(event, Step))
    *_, last, finished = decode(programs, request(BeamSampler(1)))
    assert last.beams[0].token_ids == tokens
    assert finished.reason == "length"


def slow_contrastive(read, k, alpha, temperature, steps):
    """For each step the token taken and {token: (probability, similarity, score)}."""
    text = list(PROMPT)
    for _ in range(steps):
        logits, hidden = read(text)
        chances = softmax(logits[-1] / temperature)
        units = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
        table = {}
        for token in np.argsort(-chances)[:k].tolist():
            state = read([*text, token])[1][-1]
            similarity = (units @ (state / np.linalg.norm(state))).max()
            score = (1 - alpha) * chances[token] - alpha * similarity
            table[token] = (chances[token], similarity, score)
        text.append(max(table, key=lambda token: table[token][2]))
        yield text[-1], table


@pytest.mark.parametrize(
    ("k", "alpha", "temperature"), [(5, 0.6, 1.0), (3, 0.3, 5.0), (1, 0.6, 1.0)]
)
def test_candidates_are_those_of_a_slow_search(programs, oracle, k, alpha, temperature):
    sampler = ContrastiveSampler(k, alpha, temperature)
    steps = [e for e in decode(programs, request(sampler)) if isinstance(e, Step)]
    slow = slow_contrastive(oracle, k, alpha, temperature, NEW)
    for step, (token, table) in zip(steps, slow, strict=True):
        assert [each.token_id for each in step.candidates] == list(table)
        for each in step.candidates:
            assert (each.probability, each.similarity, each.score) == pytest.approx(
                table[each.token_id], abs=1e-4
            )
        assert step.token_id == token


def test_contrastive_search_ends_at_a_stop_token(programs):
    sampler = ContrastiveSampler(4)
    tokens = [
        e.token_id for e in decode(programs, request(sampler)) if isinstance(e, Step)
    ]
    stop = tokens[4]
    events = list(decode(programs, request(sampler, stops={stop})))
    made = [event.token_id for event in events if isinstance(event, Step)]
    assert made == tokens[: tokens.index(stop) + 1]
    assert (events[-1].reason, events[-1].stopped_by) == ("stop", (stop,))


@pytest.mark.parametrize("sampler", [BeamSampler(3), ContrastiveSampler(3)])
def test_a_search_can_be_cancelled_and_keeps_what_it_made(programs, sampler):
    asked = iter([False] * 4)
    events = list(decode(programs, request(sampler), lambda: next(asked, True)))
    assert events[-1].reason == "cancelled"
    assert [e.index for e in events if isinstance(e, Step | Beams)] == [0, 1, 2]


@pytest.mark.parametrize("sampler", [BeamSampler(3), ContrastiveSampler(3)])
def test_a_second_search_compiles_nothing(programs, sampler):
    list(decode(programs, request(sampler)))
    again = replace(request(sampler), token_ids=(9, 8, 7), max_new_tokens=9)
    *_, finished = decode(programs, again)
    assert finished.compilations == 0
    assert finished.timings.compile == 0


@pytest.mark.parametrize("sampler", [BeamSampler(3), ContrastiveSampler(3)])
def test_zero_new_tokens_end_at_once(programs, sampler):
    events = list(decode(programs, request(sampler, max_new_tokens=0)))
    assert [type(event) for event in events] == [Finished]


def test_a_model_that_gives_no_probabilities_is_no_endless_search(programs):
    broken = [jnp.full_like(weight, jnp.nan) for weight in programs.weights()]
    for sampler in (BeamSampler(2), ContrastiveSampler(2)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(programs, "weights", lambda: broken)
            with pytest.raises(FloatingPointError, match="no usable probabilities"):
                list(decode(programs, request(sampler)))


@pytest.mark.parametrize(
    ("wanted", "rows"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (9, 16)]
)
def test_rows_are_the_next_power_of_two(wanted, rows):
    assert rows_for(wanted) == rows


def numbered_cache(rows):
    """A cache of 2 layers whose every number tells where it lies."""
    plan = kv_cache.RingPlan.of([None, None])
    (shape,) = kv_cache.empty(plan, 2, 3, [5], "float32", rows).rings

    def numbers(layer, base):
        return jnp.arange(layer.size, dtype="float32").reshape(layer.shape) + base

    ring = kv_cache.Ring(
        keys=tuple(numbers(k, 1000 * i) for i, k in enumerate(shape.keys)),
        values=tuple(numbers(v, -1000 * i) for i, v in enumerate(shape.values)),
        positions=jnp.arange(rows * 5).reshape(rows, 5),
    )
    return kv_cache.KVCache((ring,))


def by_row(cache):
    """Per row: its keys [layers, K, S, H], values [layers, K, H, S], positions."""
    (ring,) = cache.rings
    keys, values = (
        np.stack(
            [np.asarray(a).reshape(cache.rows, -1, *a.shape[1:]) for a in layers], 1
        )
        for layers in (ring.keys, ring.values)
    )
    return list(zip(keys, values, np.asarray(ring.positions), strict=True))


def same(row, other):
    return all(np.array_equal(a, b) for a, b in zip(row, other, strict=True))


def test_one_row_becomes_many():
    (one,) = by_row(numbered_cache(1))
    assert all(same(row, one) for row in by_row(repeat_rows(numbered_cache(1), rows=4)))


@settings(max_examples=20)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_rows_are_taken_in_the_order_asked_for(order):
    before = by_row(numbered_cache(4))
    after = by_row(select_rows(numbered_cache(4), np.array(order)))
    assert all(same(row, before[i]) for row, i in zip(after, order, strict=True))


@pytest.mark.parametrize(("row", "position"), [(0, 0), (2, 3), (3, 14)])
def test_one_position_is_shared_and_nothing_else(row, position):
    before, slot = by_row(numbered_cache(4)), position % 5
    shared = search_programs.share_position(
        numbered_cache(4), np.int32(row), np.int32(position)
    )
    keys, values, _ = before[row]
    for (k, v, p), (old_k, old_v, old_p) in zip(by_row(shared), before, strict=True):
        old_k[..., slot, :], old_v[..., slot] = keys[..., slot, :], values[..., slot]
        assert same((k, v, p), (old_k, old_v, old_p))


def test_equal_continuations_come_in_order():
    scores, rows, tokens = search_programs.extend_beams(
        jnp.zeros((2, 4)), np.array([-1, -1], np.float32), np.float32(1)
    )
    assert rows.tolist() == [0, 0, 0, 0]
    assert tokens.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(scores, -1 - np.log(4), rtol=1e-6)


def test_history_after_its_length_is_not_looked_at():
    history = jnp.array([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    hidden = jnp.array([[[2.0, 2.0]], [[0.0, 0.0]], [[-1.0, 0.0]]])
    similar = search_programs.most_similar(history, np.int32(2), hidden)
    np.testing.assert_allclose(similar, [0.5**0.5, 0, 0], atol=1e-6)
