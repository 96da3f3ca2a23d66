"""A folder in Hugging Face's layout becomes a checkpoint, and that a model."""

import shutil

import ml_dtypes
import numpy as np
import pytest

from playground.models import MistralCausalLM
from playground.presets import resolve
from tests.oracles.stored import tiny_case, tiny_names
from tests.presets.huggingface_folder import (
    BY_TRANSFORMERS,
    shard,
    tensors_of,
    write_folder,
)

# As in tests/parity: float32 against transformers in float64.
FLOAT32 = 1e-4


def logits(model, case):
    inputs = {
        "token_ids": case.token_ids,
        "padding_mask": case.padding_mask.astype("int32"),
    }
    return np.asarray(model(inputs))[case.padding_mask]


def test_the_folder_that_transformers_wrote_has_its_logits():
    case = tiny_case("wide_heads_window_8")
    model = MistralCausalLM.from_preset(str(BY_TRANSFORMERS), dtype="float32")
    np.testing.assert_allclose(logits(model, case), case.logits, rtol=0, atol=FLOAT32)
    assert model.backbone.context_length == 8192


@pytest.mark.parametrize("name", tiny_names())
def test_logits_of_every_oracle(tmp_path, name):
    case = tiny_case(name)
    model = MistralCausalLM.from_preset(
        str(write_folder(tmp_path, case)), dtype="float32"
    )
    np.testing.assert_allclose(logits(model, case), case.logits, rtol=0, atol=FLOAT32)


def test_tensors_come_exact_under_our_paths(tmp_path):
    case = tiny_case("grouped_query")
    checkpoint = resolve(str(write_folder(tmp_path, case)))
    found = dict(checkpoint.tensors())
    assert found.keys() == case.weights.keys()
    for path, expected in case.weights.items():
        np.testing.assert_array_equal(found[path], expected, err_msg=path)
        assert found[path].dtype == np.float32
    assert checkpoint.num_bytes == sum(values.nbytes for values in found.values())


def test_shards_are_read_as_one(tmp_path):
    case = tiny_case("grouped_query")
    found = dict(resolve(str(shard(write_folder(tmp_path, case)))).tensors())
    assert found.keys() == case.weights.keys()
    for path, expected in case.weights.items():
        np.testing.assert_array_equal(found[path], expected, err_msg=path)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_becomes_float32_without_a_detour(tmp_path, dtype):
    # 3e38 and 1e-38 are beyond float16's range, 65504 is its largest.
    large = 3e38 if dtype == ml_dtypes.bfloat16 else 65504.0
    stored = np.full(32, 1.5, dtype)
    stored[:2] = large, 1e-38 if dtype == ml_dtypes.bfloat16 else 6e-8
    folder = write_folder(tmp_path, tensors={"model.norm.weight": stored})
    found = dict(resolve(str(folder)).tensors())["sequence_output_layernorm/scale"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, stored.astype(np.float64))
    assert found[0] == pytest.approx(large, rel=4e-3)
    assert found[1] > 0


def test_config_has_our_names(tmp_path):
    folder = write_folder(tmp_path / "tiny", "multi_query_window_5")
    checkpoint = resolve(str(folder))
    assert checkpoint.name == "tiny"
    assert checkpoint.config == {
        "vocabulary_size": 61,
        "num_layers": 2,
        "num_query_heads": 4,
        "num_key_value_heads": 1,
        "hidden_dim": 32,
        "head_dim": 8,
        "intermediate_dim": 48,
        "rope_max_wavelength": 10_000.0,
        "rope_scaling_factor": 1.0,
        "layer_norm_epsilon": 1e-6,
        "sliding_window": 5,
        "context_length": 8192,
        "tie_word_embeddings": False,
    }


@pytest.mark.parametrize(
    ("changes", "without", "key", "value"),
    [
        ({"sliding_window": 7}, (), "sliding_window", 7),
        ({"sliding_window": None}, (), "sliding_window", None),
        ({}, ("sliding_window",), "sliding_window", 4096),  # transformers' default
        ({"model_type": "llama"}, ("sliding_window",), "sliding_window", None),
        ({"head_dim": None}, (), "head_dim", 8),
        ({}, ("head_dim",), "head_dim", 8),
        ({}, ("rope_theta",), "rope_max_wavelength", 10_000.0),
        ({"rope_theta": 5e5}, (), "rope_max_wavelength", 5e5),
        (
            {"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}},
            ("rope_theta",),
            "rope_max_wavelength",
            1e6,
        ),
        (
            {"rope_scaling": {"rope_type": "linear", "factor": 4.0}},
            (),
            "rope_scaling_factor",
            4.0,
        ),
        (
            {"rope_parameters": {"rope_type": "linear", "factor": 0.5}},
            (),
            "rope_scaling_factor",
            0.5,
        ),
        ({"rope_scaling": {"type": "default"}}, (), "rope_scaling_factor", 1.0),
        ({"max_position_embeddings": 99}, (), "context_length", 99),
        ({"layer_types": ["full_attention"] * 2}, (), "sliding_window", None),
        (
            {"layer_types": ["sliding_attention"] * 2, "sliding_window": 3},
            (),
            "sliding_window",
            3,
        ),
        ({"attention_bias": False, "pretraining_tp": 1}, (), "num_layers", 2),
    ],
)
def test_an_optional_key_is_used(tmp_path, changes, without, key, value):
    folder = write_folder(tmp_path, config=changes, without=without)
    assert resolve(str(folder)).config[key] == value


def test_frequencies_in_old_checkpoints_are_left_out(tmp_path):
    old = {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(4, np.float32)}
    found = dict(resolve(str(write_folder(tmp_path, tensors=old))).tensors())
    assert found.keys() == tiny_case("grouped_query").weights.keys()


def test_one_tensor_is_in_memory_after_the_other(tmp_path):
    """Damage in the last file is met only after the first tensors were given."""
    folder = tmp_path / "copy"
    shutil.copytree(BY_TRANSFORMERS, folder)
    tensors = resolve(str(folder)).tensors()
    first = next(tensors)
    (folder / "model-00003-of-00003.safetensors").unlink()
    second = next(tensors)
    assert (first[0], second[0]) == (
        "token_embedding/embeddings",
        "transformer_layer_0/self_attention_layernorm/scale",
    )


def test_the_names_in_these_tests_are_those_that_transformers_writes():
    from safetensors.numpy import load_file

    stored = {}
    for file in BY_TRANSFORMERS.glob("*.safetensors"):
        stored |= load_file(file)
    ours = tensors_of(tiny_case("wide_heads_window_8"))
    assert stored.keys() == ours.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(stored[name], array, err_msg=name)
