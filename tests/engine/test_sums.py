"""Sums in one pass against NumPy in float64."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.engine.sums import IN_ANY_ORDER, summed_products, sums

in_any_order = jax.jit(summed_products, compiler_options=IN_ANY_ORDER)


def test_each_part_has_its_own_sum():
    parts = [jnp.arange(6.0).reshape(2, 3), jnp.ones((2, 3))]
    assert [total.tolist() for total in sums(parts)] == [[3, 12], [3, 3]]


@settings(max_examples=25)
@given(
    st.sampled_from([(1, 1, 1), (1, 9, 40), (2, 3, 7), (5, 1, 33), (8, 9, 2)]),
    st.integers(0, 99),
)
def test_rows_times_a_matrix(shape, seed):
    rows, output_dim, input_dim = shape
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, input_dim)).astype(np.float32)
    matrix = random.integers(-127, 128, (output_dim, input_dim)).astype(np.int8)
    exact = x.astype(np.float64) @ matrix.T.astype(np.float64)
    found = summed_products(jnp.asarray(x), jnp.asarray(matrix))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("kind", [np.float32, np.int8, ml_dtypes.bfloat16])
def test_the_order_of_a_sum_is_all_that_changes(kind):
    random = np.random.default_rng(0)
    x = random.normal(size=(3, 576)).astype(np.float32)
    matrix = random.integers(-127, 128, (200, 576)).astype(kind)
    exact = x.astype(np.float64) @ matrix.T.astype(np.float64)
    found = in_any_order(jnp.asarray(x), jnp.asarray(matrix))
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-2)


def test_what_is_no_number_stays_so():
    x = jnp.array([[np.nan, 1], [np.inf, 1], [2, 1]], jnp.float32)
    found = np.asarray(in_any_order(x, jnp.ones((3, 2), jnp.int8)))
    assert np.isnan(found[0]).all()
    assert np.isposinf(found[1]).all()
    assert found[2].tolist() == [3, 3, 3]


def test_what_is_no_number_is_still_noticed():
    ask = jax.jit(
        lambda x: jnp.stack([jnp.isnan(x), jnp.isinf(x), x == x]),
        compiler_options=IN_ANY_ORDER,
    )
    found = ask(jnp.array([np.nan, np.inf, 1.0])).astype(int).tolist()
    assert found == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


def test_it_has_a_gradient():
    matrix = jnp.array([[1, 2], [3, 4], [5, 6], [7, 8]], jnp.int8)
    gradient = jax.grad(lambda x: summed_products(x, matrix).sum())
    assert gradient(jnp.ones((2, 2))).tolist() == [[16, 20], [16, 20]]
