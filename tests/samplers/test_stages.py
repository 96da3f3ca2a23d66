"""Each stage of the chain: tables by hand, a float64 oracle, and what always holds."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from playground.controls import CONTROLS
from playground.samplers import (
    CUTS,
    NO_STAGE,
    ORDERS,
    STAGES,
    SamplerValues,
    active_cuts,
)
from playground.samplers.noise import coin, uniform
from tests.samplers import chain_oracle
from tests.samplers.small_chain import (
    ROWS,
    B,
    Row,
    V,
    kept,
    last_of,
    stages_of,
    tokens,
)

FEW = settings(
    derandomize=True,
    max_examples=20,
    # Eight rows with all their numbers: to shrink them takes minutes.
    phases=[Phase.explicit, Phase.generate],
)
OF_CUTS = [control for control in CONTROLS if control.stage]
NUMBERS = [
    control.name
    for control in OF_CUTS
    if control.kind == "number" and control.name != "xtc_probability"
]


def of(probabilities: list[float], **numbers: object) -> Row:
    with np.errstate(divide="ignore"):
        return Row(np.log(probabilities), SamplerValues(**numbers))


def names(row_stages) -> list[str]:
    return [STAGES[each] for each in row_stages.stage if each != NO_STAGE]


@pytest.mark.parametrize(
    ("probabilities", "numbers", "expected"),
    [
        # llama.cpp: the numbers of its tests/test-sampling.cpp (MIT)
        ([0.1, 0.2, 0.3, 0.4], {"min_p": 0.24}, [0, 1, 2, 3]),  # llama.cpp
        ([0.1, 0.2, 0.3, 0.4], {"min_p": 0.26}, [1, 2, 3]),  # llama.cpp
        ([0.1, 0.2, 0.3, 0.4], {"min_p": 0.49}, [1, 2, 3]),  # llama.cpp
        ([0.1, 0.2, 0.3, 0.4], {"min_p": 0.51}, [2, 3]),  # llama.cpp
        ([0.1, 0.2, 0.3, 0.4], {"min_p": 0.76}, [3]),  # llama.cpp
        ([0.1, 0.2, 0.3, 0.4], {"min_p": 1.0}, [3]),  # llama.cpp
        ([0.4, 0.4, 0.2], {"min_p": 1.0}, [0, 1]),  # the likeliest tie
        ([0.97, 0.01, 0.01, 0.01], {"typical_p": 0.5}, [0]),  # llama.cpp
        ([0.4, 0.2, 0.2, 0.2], {"typical_p": 0.5}, [1, 2, 3]),  # llama.cpp
        ([0.1, 0.2, 0.3, 0.4], {"xtc_threshold": 0.09}, [0]),  # llama.cpp
        ([0.1, 0.2, 0.3, 0.4], {"xtc_threshold": 0.19}, [0, 1]),  # llama.cpp
        ([0.1, 0.2, 0.3, 0.4], {"xtc_threshold": 0.29}, [0, 1, 2]),  # llama.cpp
        ([0.4, 0.3, 0.2, 0.1], {"xtc_threshold": 0.39}, [0, 1, 2, 3]),  # one top choice
        ([0.4, 0.3, 0.2, 0.1], {"xtc_threshold": 0.45}, [0, 1, 2, 3]),  # none
        ([0.5, 0.25, 0.25], {"xtc_threshold": 0.25}, [1, 2]),  # just at the threshold
        ([0.3, 0.3, 0.3, 0.1], {"xtc_threshold": 0.2}, [0, 1, 2, 3]),  # all tie
        # logits -2.30, -1.61, -1.20, -0.92: sigma 0.521
        ([0.1, 0.2, 0.3, 0.4], {"top_n_sigma": 1.0}, [2, 3]),  # llama.cpp
        ([0.1, 0.2, 0.3, 0.4], {"top_n_sigma": 0.5}, [3]),
        ([0.1, 0.2, 0.3, 0.4], {"top_n_sigma": 3.0}, [0, 1, 2, 3]),  # llama.cpp
        ([0.5, 0.3, 0.15, 0.05], {"epsilon": 0.1}, [0, 1, 2]),
        ([0.5, 0.3, 0.15, 0.05], {"epsilon": 0.4}, [0]),
        ([0.5, 0.3, 0.15, 0.05], {"epsilon": 0.9}, [0]),  # none is; the top one stays
        # entropy 1.142: sqrt(0.09) * exp(-1.142) = 0.0957
        ([0.5, 0.3, 0.15, 0.05], {"eta": 0.09}, [0, 1, 2]),
        # sqrt(0.25) * exp(-1.142) = 0.16 is less than 0.25
        ([0.5, 0.3, 0.15, 0.05], {"eta": 0.25}, [0, 1]),
        ([0.5, 0.3, 0.15, 0.05], {"eta": 0.04}, [0, 1, 2, 3]),
        # sqrt(0.25) * exp(-1.030) = 0.179 keeps what 0.25 would drop
        ([0.5, 0.3, 0.2], {"eta": 0.25}, [0, 1, 2]),
        ([1.0], {"typical_p": 0.1, "top_n_sigma": 0.1, "eta": 0.5, "top_k": 1}, [0]),
        # Surprises 0.69, 1.61, 1.90, 2.30, 3.00, entropy 1.33: typical-p drops the
        # first, and top-k counts those that are left.
        ([0.5, 0.2, 0.15, 0.1, 0.05], {"typical_p": 0.3, "top_k": 2}, [1, 2]),
    ],
)
def test_a_cut_keeps_these(
    probabilities: list[float], numbers: dict, expected: list[int]
) -> None:
    if "xtc_threshold" in numbers:
        numbers = {**numbers, "xtc_probability": 1.0}
    assert kept(of(probabilities, **numbers)) == expected


def test_the_docstrings_example_of_the_two_orders() -> None:
    rows = [
        of([0.5, 0.25, 0.15, 0.1], top_k=3, top_p=0.8, order=order) for order in ORDERS
    ]
    keras_hub, llama_cpp = last_of(rows)
    expected = [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0]
    np.testing.assert_allclose(keras_hub[:4], expected, rtol=1e-6)
    np.testing.assert_allclose(llama_cpp[:4], [2 / 3, 1 / 3, 0, 0], rtol=1e-6)


def test_temperature_first_is_seen_by_the_cuts_and_last_it_is_not() -> None:
    # 0.6, 0.3, 0.1 at temperature 0.5: 0.36, 0.09, 0.01 of 0.46, so the first has 0.78.
    rows = [
        of([0.6, 0.3, 0.1], temperature=0.5, top_p=0.7, order=order) for order in ORDERS
    ]
    keras_hub, llama_cpp = last_of(rows)
    np.testing.assert_allclose(keras_hub[:3], [1, 0, 0])
    np.testing.assert_allclose(llama_cpp[:3], [0.8, 0.2, 0], rtol=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_stages_are_told_in_the_order_used(order: str) -> None:
    on = {c.name: c.default if c.usual is None else c.usual for c in OF_CUTS}
    numbers = SamplerValues(**on, order=order)
    assert names(stages_of([Row(range(V), numbers)])[0])[4:] == list(ORDERS[order])
    few = Row(range(V), SamplerValues(top_p=0.9, temperature=2, order=order))
    cuts = (
        ["temperature", "top_p"] if order == "keras_hub" else ["top_p", "temperature"]
    )
    assert names(stages_of([few])[0])[4:] == cuts
    assert list(active_cuts(few.values)) == cuts
    assert sorted(ORDERS[order]) == sorted(CUTS)


def acts(row: Row) -> bool:
    """Whether XTC acts at this step."""
    tossed = coin(np.uint32(row.seed), np.int32(row.step))
    return bool(tossed < row.values.xtc_probability)


def is_near_an_edge(row: Row, expected: list[chain_oracle.Stage], act: bool) -> bool:
    """Whether numbers a little different would keep others: float32 rounds."""
    for (_, before), (_, after) in pairwise(expected):
        dropped, left = before[(before > 0) & (after == 0)], before[after > 0]
        if (np.abs(np.subtract.outer(dropped, left)) < 1e-5 * left).any():
            return row.values.temperature > 0
    for factor in (1 - 1e-5, 1 + 1e-5):
        moved = {
            name: min(1.0, number * factor) if name.endswith("_p") else number * factor
            for name in NUMBERS
            if (number := getattr(row.values, name)) != getattr(SamplerValues(), name)
        }
        nearby = run_oracle(row._replace(values=replace(row.values, **moved)), act)
        for (_, here), (_, there) in zip(expected, nearby, strict=True):
            if ((here > 0) != (there > 0)).any():
                return True
    return False


def run_oracle(row: Row, act: bool) -> list[chain_oracle.Stage]:
    history = row.filled_history().tolist()
    return chain_oracle.run(row.filled_logits(), row.values, history, act)


@settings(FEW, max_examples=40)
@given(ROWS)
def test_every_stage_is_that_of_the_float64_oracle(rows: list[Row]) -> None:
    for row, after in zip(rows, stages_of(rows), strict=True):
        act = acts(row)
        expected = run_oracle(row, act)
        assert names(after) == [name for name, _ in expected]
        if is_near_an_edge(row, expected, act):
            continue
        model = expected[0][1]
        for i, (name, probabilities) in enumerate(expected):
            # exp and a sum of 12 terms in float32, after logits of up to 40
            np.testing.assert_allclose(
                after.probabilities[i],
                probabilities,
                rtol=3e-5,
                atol=1e-7,
                err_msg=name,
            )
            left = probabilities > 0
            assert after.tokens[i] == left.sum(), name
            np.testing.assert_allclose(after.kept[i], model[left].sum(), rtol=1e-5)


@FEW
@given(ROWS)
def test_no_stage_adds_a_token_or_takes_the_last(rows: list[Row]) -> None:
    for after in stages_of(rows):
        left = after.probabilities > 0
        assert (left[1:] <= left[:-1]).all()
        assert left.any(-1).all()
        np.testing.assert_allclose(after.probabilities.sum(-1), 1, rtol=1e-5)
        assert (np.diff(after.tokens) <= 0).all()
        assert after.tokens[-1] >= 1


EXTREMES = st.sampled_from(
    [0.0, 1.0, 3e38, -3e38, 1e30, -1e30, 1e-30, np.inf, -np.inf, np.nan]
)


@FEW
@given(st.lists(EXTREMES, min_size=V - 1, max_size=V - 1), ROWS)
@example([np.inf] * (V - 1), [Row([], SamplerValues(typical_p=0.5))] * B)
@example([3e38, -3e38] * 5 + [0.0], [Row([], SamplerValues(top_n_sigma=0.5))] * B)
def test_any_logits_leave_a_token_that_is_drawn(
    logits: list[float], rows: list[Row]
) -> None:
    rows = [row._replace(logits=[*logits, 0.5]) for row in rows]
    for row, token, after in zip(rows, tokens(rows), stages_of(rows), strict=True):
        assert np.isfinite(after.probabilities).all()
        if row.values.logit_bias and np.isposinf(logits).any():
            continue  # fine too, but the next line's float would not tell
        assert after.probabilities[-1][token] > 0


@FEW
@given(ROWS)
def test_neutral_numbers_change_nothing_at_all(rows: list[Row]) -> None:
    off = SamplerValues(
        **{"penalty_last_n": 5, "dry_last_n": 5, "dry_breakers": (1,)},
        order=rows[0].values.order,
    )
    for after in stages_of([row._replace(values=off) for row in rows]):
        assert names(after) == ["model", "bias", "penalties", "dry"]
        assert (after.probabilities == after.probabilities[0]).all()
        assert (after.kept == after.kept[0]).all()


@FEW
@given(ROWS, st.sampled_from([0.2, 0.7, 3.0]))
def test_temperature_first_or_last_is_one_where_cuts_do_not_see_it(
    rows: list[Row], temperature: float
) -> None:
    """Top-k and top-n-sigma keep the same at any temperature."""
    both = [
        row._replace(
            values=SamplerValues(
                temperature=temperature, top_k=4, top_n_sigma=1.0, order=order
            )
        )
        for row in rows[: B // 2]
        for order in ORDERS
    ]
    after = last_of(both)
    for first, then in zip(after[::2], after[1::2], strict=True):
        np.testing.assert_allclose(first, then, rtol=1e-5)


@FEW
@given(ROWS)
def test_a_row_alone_has_the_token_that_it_has_in_company(rows: list[Row]) -> None:
    together = tokens(rows)
    for place in (0, B - 1):
        assert tokens([rows[place]])[0] == together[place]


@FEW
@given(ROWS)
def test_the_token_is_the_inverse_cdf_of_the_last_stage(rows: list[Row]) -> None:
    for row, token, last in zip(rows, tokens(rows), last_of(rows), strict=True):
        noise = np.asarray(uniform(np.uint32(row.seed), np.int32(row.step)))[1]
        cumulative = np.cumsum(last.astype(np.float64))
        # On the edge between two tokens rounding decides.
        if np.abs(cumulative - noise).min() > 1e-5:
            assert token == np.argmax(cumulative > noise)


def test_xtc_acts_as_often_as_its_probability_says() -> None:
    numbers = SamplerValues(xtc_probability=0.25, xtc_threshold=0.1)
    counts = 0
    for start in range(0, 400, B):
        rows = [Row([1.0, 0.0], numbers, seed=5, step=start + i) for i in range(B)]
        counts += sum(int(last[0] == 0) for last in last_of(rows))
    # Binomial(400, 0.25): 100 +- 8.7; six deviations are missed by chance in 1e-9.
    assert abs(counts - 100) < 52
    draws = [Row([1.0], numbers, seed=5, step=i) for i in range(B)]
    assert [float(coin(np.uint32(5), np.int32(i))) for i in range(2)] != [
        float(uniform(np.uint32(5), np.int32(i))[0]) for i in range(2)
    ]
    assert tokens(draws) == [0] * B  # a single top choice stays


def test_where_nothing_is_left_every_stage_is_zero_and_not_nan() -> None:
    (hopeless,) = stages_of([Row([-np.inf, np.nan], SamplerValues(top_p=0.5))])
    np.testing.assert_array_equal(hopeless.probabilities, np.zeros((len(STAGES), V)))
    assert not hopeless.tokens.any()
    assert not hopeless.kept.any()
