"""The numpy oracle equals transformers, and the stored cases tell mistakes apart."""

from typing import Any

import numpy as np
import pytest

from tests.oracles import numpy_mistral, stored
from tests.oracles.numpy_mistral import forward, hidden_states

# The oracle is exact in float64; the stored answers are not: transformers takes norms,
# softmax and angles through float32 (1.1e-5 at most when they were made), and they are
# stored as float32 (1e-6 at 20).
FLOAT64 = 2e-5

# The tolerance of the product's own parity tests, which a mistake must exceed by far.
FLOAT32 = 1e-4


def difference(case: stored.TinyCase, **changes: Any) -> float:
    """Largest difference from the stored logits with a changed config."""
    config = case.config | changes
    rows = case.rows()
    return max(
        float(np.abs(forward(case.weights, config, ids) - logits).max())
        for ids, logits in rows
    )


@pytest.mark.parametrize("name", stored.tiny_names())
def test_numpy_logits_equal_transformers(name: str) -> None:
    assert difference(stored.tiny_case(name)) < FLOAT64


@pytest.mark.parametrize("name", stored.tiny_names())
def test_numpy_hidden_states_equal_transformers(name: str) -> None:
    case = stored.tiny_case(name)
    states = [
        hidden_states(case.weights, case.config, token_ids)
        for token_ids, _ in case.rows()
    ]
    np.testing.assert_allclose(
        np.concatenate(states), case.hidden_states, rtol=0, atol=FLOAT64
    )


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("grouped_query_window_8", {"sliding_window": 7}),
        ("grouped_query_window_8", {"sliding_window": 9}),
        ("grouped_query_window_8", {"sliding_window": None}),
        ("window_1", {"sliding_window": 2}),
        ("window_39_of_40", {"sliding_window": 38}),
        ("window_39_of_40", {"sliding_window": 40}),
        ("wide_heads_window_8", {"sliding_window": 9}),
        ("multi_query_window_5", {"sliding_window": 4}),
        ("grouped_query", {"layer_norm_epsilon": 1e-3}),
        ("large_epsilon", {"layer_norm_epsilon": 1e-6}),
        ("long_wavelength", {"rope_max_wavelength": 10000.0}),
        ("short_wavelength_window_8", {"rope_max_wavelength": 10000.0}),
        ("linear_rope_scaling", {"rope_scaling_factor": 1.0}),
        ("linear_rope_scaling", {"rope_scaling_factor": 0.5}),
    ],
)
def test_a_wrong_number_in_the_config_shows(name: str, changes: dict[str, Any]) -> None:
    assert difference(stored.tiny_case(name), **changes) > 100 * FLOAT32


half_split = numpy_mistral.rotate


def interleaved(x: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """RoPE on neighbouring pairs (0, 1), (2, 3), as GGUF files expect it."""
    order = np.arange(x.shape[-1]).reshape(-1, 2).T.ravel()
    turned = np.empty_like(x)
    turned[..., order] = half_split(x[..., order], config)
    return turned


def tiled(array: np.ndarray, repeats: int, axis: int) -> np.ndarray:
    """Key/value heads in the order 0 1 0 1 instead of 0 0 1 1."""
    return np.concatenate([array] * repeats, axis)


def test_a_rotary_embedding_of_neighbours_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(numpy_mistral, "rotate", interleaved)
    assert difference(stored.tiny_case("grouped_query")) > 100 * FLOAT32


def test_key_value_heads_in_the_wrong_order_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(np, "repeat", tiled)
    assert difference(stored.tiny_case("grouped_query")) > 100 * FLOAT32


@pytest.mark.parametrize(
    "path",
    sorted(stored.tiny_case("grouped_query_window_8").weights),
)
def test_every_single_weight_matters(path: str) -> None:
    case = stored.tiny_case("grouped_query_window_8")
    case.weights[path] = case.weights[path] * np.float32(0.9)
    assert difference(case) > 100 * FLOAT32
