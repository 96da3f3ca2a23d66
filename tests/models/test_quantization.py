"""int8 weights: what is stored, what comes out, and that life goes on."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from playground.models import MistralBackbone, MistralCausalLM
from playground.models.quantization import (
    quantize_rows,
    times_int8,
    weights_dtype,
)
from tests.conftest import tiny_model
from tests.oracles import numpy_mistral
from tests.presets.huggingface_folder import BY_TRANSFORMERS

TOKENS = [5, 6, 7, 30, 31, 32, 8, 9, 60, 61, 62, 63]  # longer than the window of 7


def test_the_worked_example():
    stored, scale = quantize_rows(np.array([[0.5, -1.0, 0.25], [0, 0, 0]]))
    assert stored.tolist() == [[64, -127, 32], [0, 0, 0]]
    assert scale.tolist() == [127, 1]


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=st.floats(-1e4, 1e4, width=32),
    )
)
def test_no_weight_moves_further_than_half_a_step(rows):
    stored, scale = quantize_rows(rows)
    step = 1 / scale.astype(np.float64)[:, None]
    error = np.abs(stored * step - rows.astype(np.float64))
    assert (error <= step * 0.5001).all()
    assert np.abs(stored.astype(int)).max(initial=0) <= 127


@pytest.mark.parametrize(
    "shape", [(1, 1, 8), (1, 3, 8), (2, 1, 8), (8, 1, 8), (9, 1, 8), (3, 2, 8)]
)
def test_products_are_those_of_the_rows_that_are_stored(shape):
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=shape).astype(np.float32)
    rows = numbers.integers(-127, 128, (5, 8)).astype(np.int8)
    scale = numbers.uniform(1, 200, 5).astype(np.float32)
    expected = x.astype(np.float64) @ (rows / scale[:, None].astype(np.float64)).T
    product = times_int8(jnp.asarray(x), jnp.asarray(rows), jnp.asarray(scale))
    np.testing.assert_allclose(product, expected, rtol=1e-4, atol=1e-5)


def test_one_matrix_after_the_other_becomes_floats():
    size, depth = 256, 20

    def read(x, matrices):
        for rows in matrices:
            x = times_int8(x, rows, jnp.ones(size))
        return x

    matrices = [jax.ShapeDtypeStruct((size, size), "int8")] * depth
    x = jax.ShapeDtypeStruct((1, 4, size), "float32")
    used = jax.jit(read).lower(x, matrices).compile().memory_analysis()
    assert used.temp_size_in_bytes < 4 * size * size * depth / 4


def test_a_row_that_is_no_number_spoils_no_other():
    x = jnp.ones((2, 2, 3)).at[0].set(jnp.nan)
    product = times_int8(x, jnp.ones((4, 3), jnp.int8), jnp.ones(4))
    assert np.isnan(product[0]).all()
    assert (np.asarray(product[1]) == 3).all()


def dequantized(model: MistralCausalLM) -> dict[str, np.ndarray]:
    """The weights that an int8 model stands for, under the paths of a float one."""
    stored = {v.path: np.asarray(v.value) for v in model.backbone.variables}
    weights = {}
    for path, array in stored.items():
        if path.endswith("_scale"):
            continue
        if array.dtype == np.int8:
            array = array / stored[f"{path}_scale"].reshape(-1, 1).astype(np.float64)
        if path.endswith("reverse_embeddings"):
            array = array.T
        weights[path] = array
    return weights


@pytest.fixture(scope="module", params=[False, True], ids=["untied", "tied"])
def quantized(request):
    model = tiny_model(tie_word_embeddings=request.param)
    model.quantize("int8")
    return model


def as_batch(tokens, length=None):
    unused = (length or len(tokens)) - len(tokens)
    return {
        "token_ids": np.array([[*tokens, *[0] * unused]]),
        "padding_mask": np.array([[1] * len(tokens) + [0] * unused]),
    }


def test_logits_are_those_of_the_weights_that_are_stored(quantized):
    config = quantized.backbone.get_config()
    expected = numpy_mistral.forward(dequantized(quantized), config, TOKENS)
    logits = np.asarray(quantized(as_batch(TOKENS)))[0]
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)


def test_token_by_token_is_as_all_at_once(quantized):
    quantized.compile(sampler="greedy")
    made = quantized.generate(as_batch(TOKENS[:5], 18), stop_token_ids=None)
    ids = made["token_ids"][0]
    logits = np.asarray(quantized(as_batch(ids)))[0]
    assert ids[5:].tolist() == logits.argmax(-1)[4:-1].tolist()


def test_matrices_are_int8_and_norms_are_not(quantized):
    types = {v.path: v.dtype for v in quantized.backbone.variables}
    matrices = {path for path, dtype in types.items() if dtype == "int8"}
    assert all(path.endswith(("kernel", "embeddings")) for path in matrices)
    assert len(matrices) == 3 * 7 + 2 - quantized.backbone.tie_word_embeddings
    assert {types[path] for path in types.keys() - matrices} == {"float32"}


def test_what_was_generated_before_does_not_linger():
    model = tiny_model()
    model.compile(sampler="greedy")
    inputs = as_batch(TOKENS[:5], 30)
    before = model.generate(inputs, stop_token_ids=None)["token_ids"]
    model.quantize("int8")
    after = model.generate(inputs, stop_token_ids=None)["token_ids"]
    assert before.tolist() != after.tolist()  # tiny and random: rounding shows


def test_lora_learns_on_int8():
    model = tiny_model()
    model.quantize("int8")
    batch, targets = as_batch(TOKENS), np.roll([TOKENS], -1)
    before = np.asarray(model(batch))
    model.backbone.enable_lora(2)
    np.testing.assert_allclose(model(batch), before, rtol=0, atol=1e-5)
    for layer in model.backbone.transformer_layers:  # what training would change
        for dense in (
            layer.self_attention.query_dense,
            layer.self_attention.value_dense,
        ):
            dense.lora_kernel_b.assign(np.full(dense.lora_kernel_b.shape, 0.05))
    weights = dequantized(model)
    for path in [path for path in weights if path.endswith("lora_kernel_a")]:
        kernel, lora_b = path.replace("lora_kernel_a", "kernel"), path[:-1] + "b"
        weights[kernel] = weights[kernel] + weights[path] @ weights[lora_b]
    config = model.backbone.get_config()
    expected = numpy_mistral.forward(weights, config, TOKENS)
    np.testing.assert_allclose(np.asarray(model(batch))[0], expected, atol=1e-4)
    model.compile()
    model.optimizer.learning_rate = 0.01
    losses = model.fit(batch, targets, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0] - 0.1


def test_loading_as_int8_is_loading_and_quantizing():
    loaded = MistralBackbone.from_preset(str(BY_TRANSFORMERS), dtype="int8")
    turned = MistralBackbone.from_preset(str(BY_TRANSFORMERS), dtype="float32")
    turned.quantize("int8")
    stored = {v.path: np.asarray(v.value) for v in turned.variables}
    for variable in loaded.variables:
        expected = stored.pop(variable.path)
        np.testing.assert_allclose(variable.value, expected, rtol=1e-5, atol=1)
        assert variable.value.dtype == expected.dtype
    assert stored == {}
    logits = [np.asarray(model(as_batch(TOKENS[:4]))) for model in (loaded, turned)]
    np.testing.assert_allclose(*logits, rtol=0, atol=1e-2)


def test_a_config_of_an_int8_model_makes_one_again():
    config = {**tiny_model().backbone.get_config(), "dtype": "int8"}
    backbone = MistralBackbone.from_config(config)
    again = MistralBackbone.from_config(json.loads(json.dumps(backbone.get_config())))
    assert [v.dtype for v in again.variables] == [v.dtype for v in backbone.variables]
    assert "int8" in {v.dtype for v in again.variables}


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (None, "float32"),
        ("int8", "int8"),
        ("int8_from_mixed_bfloat16", "int8"),
        ("bfloat16", "bfloat16"),
        ("mixed_bfloat16", "float32"),
    ],
)
def test_what_a_dtype_stores(dtype, stored):
    assert weights_dtype(dtype) == stored


def test_other_quantizations_are_refused():
    model = tiny_model()
    with pytest.raises(ValueError, match=r"only quantization here is .*got 'int4'"):
        model.quantize("int4")
    assert {v.dtype for v in model.backbone.variables} == {"float32"}
    model.backbone.quantize("int8")
    with pytest.raises(ValueError, match="int8 already"):
        model.quantize("int8")
