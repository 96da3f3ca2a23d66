"""What is recorded of a token, against the stages and plain formulas in float64."""

import jax
import numpy as np
import pytest
from hypothesis import Phase, given, settings

from playground.samplers import NO_STAGE, STAGES, Record, SamplerValues
from playground.samplers.chain import sample_and_tell
from playground.samplers.record import Draw, likeliest, measure_drawn
from tests.samplers import chain_oracle, small_chain
from tests.samplers.small_chain import ROWS, Row, arguments, run_measure, stages_of


def records(rows: list[Row], chosen: list[int]) -> list[Record]:
    logits, values, step, history = arguments(rows)
    token = np.array(chosen + [0] * (small_chain.B - len(rows)), np.int32)
    measured = jax.tree.map(
        np.asarray, run_measure(logits, values, step, token, history)
    )
    return [Record(*(array[b] for array in measured)) for b in range(len(rows))]


def test_a_record_worked_out_by_hand() -> None:
    numbers = SamplerValues(top_k=2, order="llama.cpp", temperature=0.5)
    row = Row(np.log([0.5, 0.25, 0.125, 0.125]), numbers)
    likely, dropped = records([row, row], [1, 3])
    np.testing.assert_allclose(likely.logprob, np.log(0.25), rtol=1e-6)
    # 0.5 and 0.25 at temperature 0.5 are 4 to 1.
    np.testing.assert_allclose(likely.chain_logprob, np.log(0.2), rtol=1e-6)
    assert dropped.chain_logprob == -np.inf
    assert [likely.rank, dropped.rank] == [2, 3]  # the last two share a rank
    np.testing.assert_allclose(likely.entropy, 1.75 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(likely.choices, 2**1.75, rtol=1e-6)
    used = [STAGES[each] for each in likely.stage if each != NO_STAGE]
    assert used == ["model", "bias", "penalties", "dry", "top_k", "temperature"]
    assert likely.tokens[:6].tolist() == [4, 4, 4, 4, 2, 2]
    np.testing.assert_allclose(likely.kept[:6], [1, 1, 1, 1, 0.75, 0.75], rtol=1e-6)
    assert likely.top_tokens[:4].tolist() == [0, 1, 2, 3]
    before, after = likely.top_probabilities, likely.top_chain_probabilities
    np.testing.assert_allclose(before[:4], [0.5, 0.25, 0.125, 0.125], rtol=1e-6)
    np.testing.assert_allclose(after[:4], [0.8, 0.2, 0, 0], rtol=1e-6)


def test_what_is_hardly_possible_has_a_finite_logarithm() -> None:
    record = records([Row([0.0, -200.0])], [1])[0]
    assert record.logprob == -200


@settings(
    derandomize=True,
    max_examples=15,
    phases=[Phase.explicit, Phase.generate],
)
@given(ROWS)
def test_a_record_agrees_with_the_stages_and_the_formulas(rows: list[Row]) -> None:
    chosen = [row.step % small_chain.V for row in rows]
    measured = records(rows, chosen)
    for row, token, record, after in zip(
        rows, chosen, measured, stages_of(rows), strict=True
    ):
        model, chain = after.probabilities[0], after.probabilities[-1]
        oracle = chain_oracle.run(row.filled_logits(), SamplerValues())[0][1]
        raw = np.nan_to_num(row.filled_logits(), nan=-np.inf, neginf=-np.inf)
        assert record.rank == 1 + (raw > raw[token]).sum()
        np.testing.assert_allclose(np.exp(record.logprob), oracle[token], rtol=1e-4)
        np.testing.assert_allclose(
            np.exp(record.chain_logprob), chain[token], rtol=1e-4
        )
        entropy = chain_oracle.entropy(oracle)
        np.testing.assert_allclose(record.entropy, entropy, rtol=1e-4, atol=1e-6)
        assert (record.stage == after.stage).all()
        assert (record.tokens == after.tokens).all()
        np.testing.assert_allclose(record.kept, after.kept, rtol=1e-6)
        np.testing.assert_allclose(
            record.top_probabilities, np.sort(model)[::-1], rtol=1e-6
        )
        top = record.top_tokens
        np.testing.assert_allclose(
            record.top_chain_probabilities, chain[top], rtol=1e-5, atol=1e-8
        )


@settings(
    derandomize=True,
    max_examples=5,
    phases=[Phase.explicit, Phase.generate],
)
@given(ROWS)
def test_what_was_drawn_is_measured_without_its_cuts_being_made_again(
    rows: list[Row],
) -> None:
    logits, values, step, history = arguments(rows)
    token, after = _told(logits, values, step, history)
    draw = Draw(logits, history, token, after)
    other = Draw(logits, history, (token + 1) % small_chain.V, after)
    places = np.array([*range(small_chain.B, 2 * small_chain.B), 0, 0], np.int32)
    places = np.resize(places, 2 * small_chain.B)
    measured = _measured([other, draw], values, places, np.int32(small_chain.B))
    expected = run_measure(logits, values, step, token, history)
    for name, mine, wanted in zip(Record._fields, measured, expected, strict=True):
        mine = np.asarray(mine)
        np.testing.assert_allclose(
            mine[small_chain.B :], wanted, rtol=1e-6, err_msg=name
        )
        assert not mine[: small_chain.B].any()  # not asked for


_told, _measured = jax.jit(sample_and_tell), jax.jit(measure_drawn)


@pytest.mark.parametrize("size", [5000, 10_240, 10_300, 20_001])
def test_the_likeliest_of_many_are_those_of_a_sort(size: int) -> None:
    numbers = np.random.default_rng(size)
    for levels in (3, 40, 10**6):  # with many equal ones, and hardly any
        logits = np.float32(numbers.integers(0, levels, size))
        logits[numbers.integers(0, size, size // 3)] = -np.inf
        expected = np.argsort(-logits, kind="stable")[:20]
        np.testing.assert_array_equal(likeliest(logits, 20), expected)
