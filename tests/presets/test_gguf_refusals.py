"""What is not supported is refused by name, all of it at once."""

import numpy as np
import pytest

from playground.presets import LoadError, resolve


@pytest.fixture
def refusal(write_gguf, tiny_config, bpe_metadata, tiny_tensors):
    """The message of the LoadError that such changes to the tiny model lead to."""

    def message(metadata=None, tensors=None):
        path = write_gguf(
            "t.gguf",
            tiny_config | bpe_metadata | (metadata or {}),
            tiny_tensors | (tensors or {}),
        )
        with pytest.raises(LoadError) as caught:
            _ = resolve(str(path)).tokenizer
        return str(caught.value)

    return message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llama.expert_count", 8),
        ("llama.logit_scale", 0.5),
        ("llama.attention.causal", False),
        ("llama.attention.scale", 0.1),
        ("llama.attention.clamp_kqv", 8.0),
        ("llama.rope.scaling.type", "longrope"),
        ("llama.attention.temperature_scale", -0.1),
        ("llama.rope.scaling.attn_factor", 1.2),
        ("llama.rope.dimension_count", 8),
        ("llama.attention.value_length", 8),
        ("llama.something_new", 1),
        ("llama.attention.sliding_window_pattern", [True, False]),
        ("llama.attention.head_count_kv", [2, 2]),
        ("llama.feed_forward_length", None),
        ("llama.context_length", 0),
        ("llama.rope.freq_base", float("nan")),
        ("llama.attention.layer_norm_rms_epsilon", "small"),
        ("llama.block_count", 2**31),
        ("llama.vocab_size", 7),
        ("general.type", "adapter"),
        ("general.quantization_version", 1),
        ("clip.has_vision_encoder", True),
        ("tokenizer.ggml.tokens", None),
    ],
)
def test_a_key_that_changes_the_model_is_refused_by_name(refusal, key, value):
    assert key in refusal({key: value})


def test_another_architecture_is_refused(refusal):
    message = refusal({"general.architecture": "gemma3"})
    assert "'gemma3'" in message
    assert "llama" in message


def test_mistral3_without_yarn_loads(
    write_gguf, tiny_config, bpe_metadata, tiny_tensors
):
    config = {k.replace("llama.", "mistral3."): v for k, v in tiny_config.items()}
    config |= bpe_metadata | {"general.architecture": "mistral3"}
    path = write_gguf("t.gguf", config, tiny_tensors)
    assert resolve(str(path)).config["num_layers"] == 2


def test_all_faults_of_the_configuration_come_in_one_message(refusal):
    message = refusal(
        {
            "llama.expert_count": 4,
            "llama.rope.scaling.type": "longrope",
            "llama.attention.head_count": 3,
        }
    )
    assert "'llama.expert_count' = 4" in message
    assert "'longrope'" in message
    assert "3 query heads cannot share 2" in message


def test_missing_extra_and_misshapen_tensors_come_in_one_message(refusal):
    message = refusal(
        tensors={
            "blk.1.ffn_up.weight": None,
            "blk.0.attn_q.bias": np.zeros(64, np.float32),
            "rope_factors_long.weight": np.ones(8, np.float32),
            "blk.0.ffn_down.weight": np.zeros((96, 32), np.float32),
        }
    )
    assert "blk.1.ffn_up.weight is missing" in message
    assert "'blk.0.attn_q.bias' is not supported" in message
    assert "'rope_factors_long.weight' is not supported" in message
    shapes = "blk.0.ffn_down.weight has the shape [96, 32], expected [32, 96]"
    assert shapes in message


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("model", "t5", "'t5'"),
        ("model", ["gpt2"], "None"),
        ("pre", "viking", "'viking'; gpt-2, smollm, llama-bpe, qwen2, tekken, llama3"),
        ("pre", "default", "'default'"),
        ("token_type", [1, 2], "token_type must be a list of 264"),
        ("token_type", [0] * 264, "token_type must be in 1..6"),
        ("merges", ["lo"], "'lo' is not two tokens"),
        ("merges", ["l zz"], "merges do not fit"),
        ("merges", None, "merges must be a list"),
        ("bos_token_id", 264, "bos_token_id must be below 264"),
        ("add_bos_token", "yes", "add_bos_token must be bool"),
        ("add_eos_token", True, "add_eos_token' = True is not supported"),
        ("add_space_prefix", True, "add_space_prefix"),
        ("precompiled_charsmap", [1, 2], "precompiled_charsmap' is not supported"),
    ],
)
def test_an_unsupported_tokenizer_is_refused_by_name(refusal, key, value, words):
    assert words in refusal({f"tokenizer.ggml.{key}": value})


def test_a_token_that_comes_twice_is_refused(refusal, bpe_metadata):
    tokens = list(bpe_metadata["tokenizer.ggml.tokens"])
    tokens[5] = tokens[6]
    assert "token twice" in refusal({"tokenizer.ggml.tokens": tokens})


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        ("scores", lambda scores: scores[:-1], "scores must be a list"),
        ("token_type", lambda kinds: [1] * len(kinds), "Not a SentencePiece model"),
        (
            "tokens",
            lambda tokens: [*tokens[:-1], tokens[-2]],
            "Not a SentencePiece model",
        ),
    ],
)
def test_a_broken_sentencepiece_vocabulary_is_refused(
    write_gguf, tiny_config, spm_metadata, tiny_tensors, key, change, words
):
    key = f"tokenizer.ggml.{key}"
    metadata = tiny_config | spm_metadata | {key: change(spm_metadata[key])}
    size = len(spm_metadata["tokenizer.ggml.tokens"])
    embedding = {"token_embd.weight": np.zeros((size, 32), np.float32)}
    path = write_gguf("t.gguf", metadata, tiny_tensors | embedding)
    with pytest.raises(LoadError, match=words):
        _ = resolve(str(path)).tokenizer


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        ("smollm3", "smollm2_135m_instruct.*path of a .gguf"),
        ("", "not a model"),
        ("nowhere/to/be/found.gguf", "There is no file.*Check the path"),
        (".", "not a model"),
        ("~no_such_user_here/x.gguf", "There is no file"),
        ("nul\0.gguf", "There is no file"),
    ],
)
def test_what_is_not_there_is_refused_with_the_legal_forms(preset, words):
    with pytest.raises(LoadError, match=words):
        resolve(preset)


def test_a_folder_named_like_a_model_is_refused(tmp_path):
    (tmp_path / "x.gguf").mkdir()
    with pytest.raises(LoadError, match=r"no config\.json"):
        resolve(str(tmp_path / "x.gguf"))


@pytest.mark.parametrize("values", [np.ones(4), np.zeros(8), np.full(8, -1.0)])
def test_divisors_of_rope_that_cannot_be_are_refused(refusal, values):
    message = refusal(tensors={"rope_freqs.weight": values.astype(np.float32)})
    assert "rope_freqs.weight" in message
