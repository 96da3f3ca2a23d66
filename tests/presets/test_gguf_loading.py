"""A GGUF file, written by the `gguf` package, becomes a checkpoint."""

import numpy as np
import pytest
import sentencepiece
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize, quantize

from playground.presets import LoadError, resolve
from playground.presets.gguf.file import READABLE_TYPES, open_gguf
from playground.presets.tensor_names import unpermute_rope


def _permute_as_llama_cpp_does(weights: np.ndarray, num_heads: int) -> np.ndarray:
    """From its convert_hf_to_gguf.py: the halves of each head, interleaved."""
    shape = (num_heads, 2, weights.shape[0] // num_heads // 2, *weights.shape[1:])
    return weights.reshape(shape).swapaxes(1, 2).reshape(weights.shape)


def test_every_tensor_arrives_under_our_path_with_our_shape(
    write_gguf, tiny_config, bpe_metadata, tiny_tensors
):
    path = write_gguf("tiny.gguf", tiny_config | bpe_metadata, tiny_tensors)
    checkpoint = resolve(str(path))
    found = dict(checkpoint.tensors())
    attention = "transformer_layer_1/self_attention/"
    dense = "transformer_layer_1/feedforward_"
    assert len(found) == len(tiny_tensors)
    shapes = {
        "token_embedding/embeddings": (264, 32),
        "sequence_output_layernorm/scale": (32,),
        "transformer_layer_1/self_attention_layernorm/scale": (32,),
        "transformer_layer_1/feedforward_layernorm/scale": (32,),
        attention + "query/kernel": (64, 32),
        attention + "key/kernel": (32, 32),
        attention + "value/kernel": (32, 32),
        attention + "attention_output/kernel": (32, 64),
        dense + "gate_dense/kernel": (96, 32),
        dense + "intermediate_dense/kernel": (96, 32),
        dense + "output_dense/kernel": (32, 96),
    }
    assert {path: found[path].shape for path in shapes} == shapes
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    assert checkpoint.num_bytes == sum(values.nbytes for values in found.values())


def test_values_go_where_they_belong(
    write_gguf, tiny_config, bpe_metadata, tiny_tensors
):
    draw = np.random.default_rng(1)
    query = draw.normal(size=(64, 32)).astype("float32")
    key = draw.normal(size=(32, 32)).astype("float32")
    changed = {
        "blk.0.attn_q.weight": _permute_as_llama_cpp_does(query, 4),
        "blk.0.attn_k.weight": _permute_as_llama_cpp_does(key, 2),
    }
    path = write_gguf("t.gguf", tiny_config | bpe_metadata, tiny_tensors | changed)
    found = dict(resolve(str(path)).tensors())
    layer = "transformer_layer_0/"
    attention = layer + "self_attention/"
    np.testing.assert_array_equal(found[attention + "query/kernel"], query)
    np.testing.assert_array_equal(found[attention + "key/kernel"], key)
    for ours, theirs in (
        ("self_attention/value/kernel", "attn_v.weight"),
        ("self_attention/attention_output/kernel", "attn_output.weight"),
        ("feedforward_gate_dense/kernel", "ffn_gate.weight"),
        ("feedforward_intermediate_dense/kernel", "ffn_up.weight"),
        ("feedforward_output_dense/kernel", "ffn_down.weight"),
        ("self_attention_layernorm/scale", "attn_norm.weight"),
        ("feedforward_layernorm/scale", "ffn_norm.weight"),
    ):
        np.testing.assert_array_equal(
            found[layer + ours], tiny_tensors[f"blk.0.{theirs}"]
        )


def test_untied_output_is_transposed_and_says_so(
    write_gguf, tiny_config, bpe_metadata, tiny_tensors
):
    output = tiny_tensors["token_embd.weight"] * 2
    tensors = tiny_tensors | {"output.weight": output}
    path = write_gguf("t.gguf", tiny_config | bpe_metadata, tensors)
    checkpoint = resolve(str(path))
    found = dict(checkpoint.tensors())["token_embedding/reverse_embeddings"]
    np.testing.assert_array_equal(found, output.T)
    assert checkpoint.config["tie_word_embeddings"] is False


def test_config_has_our_names(write_gguf, tiny_config, bpe_metadata, tiny_tensors):
    path = write_gguf("tiny.gguf", tiny_config | bpe_metadata, tiny_tensors)
    checkpoint = resolve(str(path))
    assert checkpoint.name == "tiny"
    assert checkpoint.config == {
        "vocabulary_size": 264,
        "num_layers": 2,
        "num_query_heads": 4,
        "num_key_value_heads": 2,
        "hidden_dim": 32,
        "head_dim": 16,
        "intermediate_dim": 96,
        "rope_max_wavelength": 5000.0,
        "rope_scaling_factor": 1.0,
        "layer_norm_epsilon": pytest.approx(1e-6),
        "sliding_window": None,
        "context_length": 128,
        "tie_word_embeddings": True,
    }


@pytest.mark.parametrize(
    ("metadata", "key", "value"),
    [
        ({"llama.attention.sliding_window": 8}, "sliding_window", 8),
        ({"llama.attention.sliding_window": 0}, "sliding_window", None),
        ({"llama.rope.freq_base": None}, "rope_max_wavelength", 10_000.0),
        ({"llama.rope.scaling.type": "none"}, "rope_scaling_factor", 1.0),
        ({"llama.rope.scale_linear": 4.0}, "rope_scaling_factor", 4.0),
        (
            {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 2.0},
            "rope_scaling_factor",
            2.0,
        ),
        (
            {"llama.rope.scaling.type": "none", "llama.rope.scaling.factor": 2.0},
            "rope_scaling_factor",
            1.0,
        ),
        ({"llama.expert_count": 0, "general.anything": "x"}, "num_layers", 2),
    ],
)
def test_an_optional_key_is_used(
    write_gguf, tiny_config, bpe_metadata, tiny_tensors, metadata, key, value
):
    path = write_gguf("t.gguf", tiny_config | bpe_metadata | metadata, tiny_tensors)
    assert resolve(str(path)).config[key] == value


def test_key_length_and_key_value_heads_have_defaults(
    write_gguf, tiny_config, bpe_metadata, tiny_tensors
):
    absent = dict.fromkeys(
        (
            "llama.attention.key_length",
            "llama.attention.value_length",
            "llama.attention.head_count_kv",
            "llama.rope.dimension_count",
        )
    )
    tensors = dict(tiny_tensors)
    for layer in range(2):
        tensors[f"blk.{layer}.attn_q.weight"] = np.ones((32, 32), "float32")
        tensors[f"blk.{layer}.attn_output.weight"] = np.ones((32, 32), "float32")
    path = write_gguf("t.gguf", tiny_config | bpe_metadata | absent, tensors)
    config = resolve(str(path)).config
    assert (config["head_dim"], config["num_key_value_heads"]) == (8, 4)


@pytest.mark.parametrize("name", ["Q8_0", "Q4_1", "F16", "BF16"])
def test_quantized_tensors_are_dequantized_as_the_gguf_package_does(
    write_gguf, tiny_config, bpe_metadata, tiny_tensors, name
):
    type_ = GGMLQuantizationType[name]
    stored = tiny_tensors["token_embd.weight"]
    tensors = tiny_tensors | {"token_embd.weight": (stored, type_)}
    path = write_gguf("t.gguf", tiny_config | bpe_metadata, tensors)
    found = dict(resolve(str(path)).tensors())["token_embedding/embeddings"]
    np.testing.assert_array_equal(found, dequantize(quantize(stored, type_), type_))


@pytest.mark.parametrize("name", sorted(READABLE_TYPES))
def test_every_type_called_readable_is(name):
    type_ = GGMLQuantizationType[name]
    block, block_bytes = GGML_QUANT_SIZES[type_]
    zeros = np.zeros((1, block_bytes), np.uint8)
    assert dequantize(zeros, type_).shape == (1, block)


def test_a_tensor_larger_than_one_piece_is_read_whole(write_gguf, tiny_config):
    values = np.random.default_rng(0).normal(size=(70, 2048)).astype("float32")
    type_ = GGMLQuantizationType.Q8_0  # 70 * 2048 numbers: two pieces and a rest
    path = write_gguf("t.gguf", tiny_config, {"big": (values, type_)})
    expected = dequantize(quantize(values, type_), type_)
    np.testing.assert_array_equal(open_gguf(path).read("big"), expected)


def test_rope_rows_worked_out_by_hand():
    # One head of size 4: pairs (0, 2) and (1, 3) lie side by side in the file.
    stored = np.array([[0.0], [2.0], [1.0], [3.0]], np.float32)
    assert unpermute_rope(stored, 1).ravel().tolist() == [0, 1, 2, 3]
    # Two heads of size 2: nothing to do.
    assert unpermute_rope(stored, 2).ravel().tolist() == [0, 2, 1, 3]


def test_byte_level_tokenizer_comes_from_the_metadata(
    write_gguf, tiny_config, bpe_metadata, tiny_tensors
):
    path = write_gguf("t.gguf", tiny_config | bpe_metadata, tiny_tensors)
    tokenizer = resolve(str(path)).tokenizer
    tokens = bpe_metadata["tokenizer.ggml.tokens"]
    expected = [tokens.index(token) for token in ("low", "Ġlow", "er")]
    assert tokenizer.tokenize("low lower") == [
        expected[0],
        tokens.index("Ġlow"),
        expected[2],
    ]
    assert tokenizer.special_token_ids == {0, 1}
    assert (tokenizer.start_token_id, tokenizer.end_token_id) == (1, 0)
    assert tokenizer.pad_token_id is None
    assert tokenizer.add_start_token is False
    assert tokenizer.chat_template == bpe_metadata["tokenizer.chat_template"]
    # User-defined tokens are text, and found in any text.
    assert tokenizer.tokenize("a\u20ac tag") == [tokens.index("a"), 2]
    assert tokenizer.token_bytes(2) == "\u20ac tag".encode()


@pytest.mark.parametrize("text", ["low lower  lowest", " x", "é€\n", "", "new  widest"])
def test_sentencepiece_model_from_metadata_is_the_original(
    write_gguf, tiny_config, tiny_tensors, tiny_proto, spm_metadata, text
):
    vocabulary = len(spm_metadata["tokenizer.ggml.tokens"])
    embedding = np.zeros((vocabulary, 32), np.float32)
    path = write_gguf(
        "t.gguf",
        tiny_config | spm_metadata,
        tiny_tensors | {"token_embd.weight": embedding},
    )
    tokenizer = resolve(str(path)).tokenizer
    original = sentencepiece.SentencePieceProcessor(model_proto=tiny_proto)
    ids = original.encode(text)
    assert tokenizer.tokenize(text) == ids
    assert tokenizer.detokenize(ids) == original.decode(ids)
    assert (tokenizer.start_token_id, tokenizer.end_token_id) == (1, 2)
    assert tokenizer.special_token_ids == {1, 2}
    assert tokenizer.add_start_token is True


def test_a_turn_has_its_own_end_token(
    write_gguf, tiny_config, bpe_metadata, tiny_tensors
):
    metadata = tiny_config | bpe_metadata | {"tokenizer.ggml.eot_token_id": 1}
    path = write_gguf("t.gguf", metadata, tiny_tensors)
    assert resolve(str(path)).tokenizer.stop_token_ids == {0, 1}


def test_a_file_that_shrinks_while_loading_is_noticed(
    write_gguf, tiny_config, bpe_metadata, tiny_tensors
):
    path = write_gguf("t.gguf", tiny_config | bpe_metadata, tiny_tensors)
    checkpoint = resolve(str(path))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 500)
    with pytest.raises(LoadError, match="changed while it was loading"):
        list(checkpoint.tensors())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_finite_numbers_are_refused(
    write_gguf, tiny_config, bpe_metadata, tiny_tensors, bad
):
    values = tiny_tensors["blk.1.ffn_up.weight"].copy()
    values[-1, -1] = bad
    tensors = tiny_tensors | {"blk.1.ffn_up.weight": values}
    path = write_gguf("t.gguf", tiny_config | bpe_metadata, tensors)
    with pytest.raises(LoadError, match=r"'blk\.1\.ffn_up\.weight' has values"):
        list(resolve(str(path)).tensors())
