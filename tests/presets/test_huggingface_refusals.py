"""What a Hugging Face folder must not hold is refused by name, all of it at once."""

import json
import pickle
import struct

import numpy as np
import pytest

from playground.presets import LoadError, resolve
from tests.presets.huggingface_folder import shard, write_file, write_folder


@pytest.fixture
def refusal(tmp_path):
    """The message of the LoadError that such changes to a whole folder lead to."""

    def message(**changes):
        return message_for(write_folder(tmp_path, **changes))

    return message


def message_for(folder) -> str:
    with pytest.raises(LoadError) as caught:
        list(resolve(str(folder)).tensors())
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_act", "gelu"),
        ("quantization_config", {"quant_method": "gptq", "bits": 4}),
        ("per_layer_config", {"0": {"head_dim": 8}}),
        ("is_encoder_decoder", True),
        ("sliding_window", 0),
        ("sliding_window", "4096"),
        ("sliding_window", True),
        ("tie_word_embeddings", "yes"),
        ("layer_types", ["full_attention", "sliding_attention"]),
        ("layer_types", 5),
        ("num_hidden_layers", 2**40),
        ("num_hidden_layers", -1),
        ("num_hidden_layers", None),
        ("vocab_size", 2.5),
        ("rms_norm_eps", float("nan")),
        ("rope_theta", 0),
    ],
)
def test_a_key_that_changes_the_model_is_refused_by_name(refusal, key, value):
    assert key in refusal(config={key: value})


@pytest.mark.parametrize(
    ("rope", "words"),
    [
        ({"rope_type": "longrope", "factor": 4.0}, "rope_type = 'longrope'"),
        ({"type": "dynamic"}, "factor is missing"),
        ({"rope_type": "linear"}, "factor is missing"),
        ({"rope_type": "linear", "factor": -1.0}, "factor must be"),
        ({"rope_type": "yarn", "factor": 2.0, "beta_fast": -1.0}, "beta_fast must be"),
        ({"rope_type": "yarn", "factor": 2.0, "truncate": 3}, "truncate must be"),
        ({"rope_type": "llama3", "factor": 2.0}, "low_freq_factor is missing"),
        (
            {
                "rope_type": "llama3",
                "factor": 2.0,
                "low_freq_factor": 4.0,
                "high_freq_factor": 4.0,
            },
            "high_freq_factor = 4.0 must be above",
        ),
        (
            {"rope_type": "linear", "factor": 2.0, "partial_rotary_factor": 0.5},
            "partial_rotary_factor = 0.5",
        ),
        ({"full_attention": {"rope_type": "default"}}, "full_attention"),
        ("linear", "must be an object"),
    ],
)
@pytest.mark.parametrize("key", ["rope_scaling", "rope_parameters"])
def test_a_rope_that_is_not_computed_here_is_refused(refusal, key, rope, words):
    message = refusal(config={key: rope})
    assert words in message
    assert key in message


@pytest.mark.parametrize("key", ["attention_bias", "mlp_bias"])
def test_what_a_llama_alone_reads_is_refused_there(refusal, key):
    assert key in refusal(config={"model_type": "llama", key: True})


@pytest.mark.parametrize(
    ("kind", "what"),
    [("mixtral", "(MoE)"), ("mistral4", "(MLA)"), ("qwen2", ""), (None, "")],
)
def test_another_type_of_model_is_refused(refusal, kind, what):
    message = refusal(config={"model_type": kind})
    assert repr(kind) in message
    assert what in message
    assert "mistral, llama, ministral" in message


def test_all_faults_of_the_configuration_come_in_one_message(refusal):
    changes = {"hidden_act": "relu", "num_key_value_heads": 3, "head_dim": 7}
    message = refusal(config=changes, without=("hidden_size",))
    for words in ("hidden_act", "4 query heads", "head, 7", "hidden_size"):
        assert words in message


def test_all_faults_of_the_tensors_come_in_one_message(refusal):
    message = refusal(
        tensors={
            "model.norm.weight": None,
            "model.layers.0.self_attn.q_proj.bias": np.ones(32, np.float32),
            "model.layers.1.self_attn.q_proj.weight": np.ones((32, 16), np.float32),
            "model.layers.1.mlp.up_proj.weight": np.ones((48, 32), np.int8),
        }
    )
    assert "model.norm.weight is missing" in message
    assert "'model.layers.0.self_attn.q_proj.bias' is not supported" in message
    assert "q_proj.weight has the shape [32, 16], expected [32, 32]" in message
    assert "model.layers.1.mlp.up_proj.weight is stored as I8" in message


def test_a_missing_head_is_not_tied_silently(refusal):
    assert "lm_head.weight is missing" in refusal(tensors={"lm_head.weight": None})


def test_numbers_that_are_not_finite_are_damage(refusal):
    broken = np.array([np.inf, *np.ones(31)], np.float32)
    message = refusal(tensors={"model.norm.weight": broken})
    assert "'model.norm.weight' has values that are no finite numbers" in message


@pytest.mark.parametrize(
    "name",
    [
        "../model-00001-of-00002.safetensors",
        "/etc/passwd.safetensors",
        "..\\secret.safetensors",
        "sub/model.safetensors",
        "pytorch_model.bin",
        "..",
        7,
    ],
)
def test_an_index_cannot_name_a_file_elsewhere(tmp_path, name):
    folder = write_folder(tmp_path / "model")
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"outside")
    (folder / "sub").mkdir()
    (folder / "sub" / "model.safetensors").write_bytes(b"inside, but deeper")
    message = message_for(shard(folder, index={"lm_head.weight": name}))
    assert "is not the name of a shard in this folder" in message
    assert "lm_head" not in message


def test_an_index_that_does_not_fit_its_shards(tmp_path):
    index = {
        "lm_head.weight": "model-00002-of-00002.safetensors",  # it is in the first
        "model.norm.weight": None,
        "extra.weight": "model-00001-of-00002.safetensors",
    }
    message = message_for(shard(write_folder(tmp_path), index=index))
    assert "'lm_head.weight' should be in model-00002-of-00002" in message
    assert "'extra.weight' should be in model-00001-of-00002" in message
    assert "'model.norm.weight' is in model-0000" in message


def test_a_missing_shard_is_named(tmp_path):
    folder = shard(write_folder(tmp_path))
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "model-00002-of-00002.safetensors is missing" in message_for(folder)


@pytest.mark.parametrize("index", [{}, [], {"weight_map": {}}, {"weight_map": 3}])
def test_an_index_without_a_map_is_refused(tmp_path, index):
    folder = write_folder(tmp_path)
    (folder / "model.safetensors").unlink()
    write_file(folder / "model.safetensors.index.json", index)
    assert "model.safetensors.index.json" in message_for(folder)


def test_a_pickle_is_never_opened(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "opened"), "w"))

    folder = write_folder(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))
    message = message_for(folder)
    assert "pytorch_model.bin" in message
    assert "pickle" in message
    assert not (tmp_path / "opened").exists()


def test_a_folder_without_weights_says_what_is_missing(tmp_path):
    folder = write_folder(tmp_path)
    (folder / "model.safetensors").unlink()
    assert "neither model.safetensors nor" in message_for(folder)


def header(text: str, length: int | None = None) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(header("{}", 2**62), id="a_header_of_4_EB"),
        pytest.param(header("{" * 100_000), id="deep_json"),
        pytest.param(
            header(
                json.dumps(
                    {
                        "lm_head.weight": {
                            "dtype": "F32",
                            "shape": [2**40, 2**40],
                            "data_offsets": [0, 4],
                        }
                    }
                )
            )
            + b"1234",
            id="a_tensor_of_4_YB",
        ),
        pytest.param(
            header(
                '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
                '"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
            )
            + b"1234",
            id="overlap",
        ),
        pytest.param(
            header('{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}') + b"12",
            id="cut_off",
        ),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, content):
    folder = write_folder(tmp_path)
    (folder / "model.safetensors").write_bytes(content)
    assert "model.safetensors is no whole safetensors file" in message_for(folder)


def test_a_huge_vocabulary_is_compared_before_anything_is_made_for_it(refusal):
    message = refusal(config={"vocab_size": 2**45})
    assert f"has the shape [61, 32], expected [{2**45}, 32]" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[1]", "should hold a JSON object"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_a_damaged_configuration_is_refused(refusal, content, words):
    assert words in refusal(files={"config.json": content})


def test_a_file_that_changes_while_it_loads_is_noticed(tmp_path):
    folder = write_folder(tmp_path)
    tensors = resolve(str(folder)).tensors()
    write_folder(tmp_path, "multi_head")
    with pytest.raises(LoadError, match="the file changed while it was loading"):
        list(tensors)
    tensors = resolve(str(folder)).tensors()
    (folder / "model.safetensors").unlink()
    with pytest.raises(LoadError, match=r"model\.safetensors is no whole"):
        list(tensors)
