"""The default model's tokenizer and configuration, against llama.cpp."""

import json
from pathlib import Path

import numpy as np
import pytest

from playground.presets import PRESETS, resolve
from playground.tokenizers import TextStream, render_chat

_ORACLE = Path(__file__).parent.parent / "oracles" / "smollm2_tokenizer.json"


@pytest.fixture(scope="module")
def checkpoint(smollm2_gguf):
    assert smollm2_gguf.stat().st_size == 98_362_432
    return resolve("smollm2_135m_instruct")


def test_its_configuration_is_the_published_one(checkpoint):
    assert checkpoint.config == {
        "vocabulary_size": 49152,
        "num_layers": 30,
        "num_query_heads": 9,
        "num_key_value_heads": 3,
        "hidden_dim": 576,
        "head_dim": 64,
        "intermediate_dim": 1536,
        "rope_max_wavelength": 100_000.0,
        "rope_scaling_factor": 1.0,
        "layer_norm_epsilon": pytest.approx(1e-5),
        "sliding_window": None,
        "context_length": 8192,
        "tie_word_embeddings": True,
    }
    parameters = PRESETS["smollm2_135m_instruct"].parameters
    assert checkpoint.num_bytes == 4 * parameters


def test_its_weights_come_one_by_one(checkpoint):
    tensors = checkpoint.tensors()
    path, values = next(tensors)
    assert path == "token_embedding/embeddings"
    assert values.shape == (49152, 576)
    assert values.dtype == np.float32
    # Untrained noise of this size would be far from it.
    assert 0.05 < values.std() < 0.2


def test_its_ids_are_llama_cpps(checkpoint):
    texts = json.loads(_ORACLE.read_text())["texts"]
    assert len(texts) > 300
    tokenizer = checkpoint.tokenizer
    for text, ids, special_ids in texts:
        assert tokenizer.tokenize(text) == ids, text
        assert tokenizer.tokenize(text, special=True) == special_ids, text
        assert tokenizer.detokenize(ids) == text
        stream = TextStream(tokenizer)
        assert "".join(map(stream.push, ids)) == text


def test_its_ids_have_names(checkpoint):
    tokenizer = checkpoint.tokenizer
    assert tokenizer.start_token_id == 1
    assert tokenizer.end_token_id == 2
    assert tokenizer.pad_token_id == 2
    assert tokenizer.stop_token_ids == {0, 2}  # <|endoftext|> too, as in llama.cpp
    assert tokenizer.id_to_token(2) == "<|im_end|>"
    assert tokenizer.special_token_ids == frozenset(range(17))
    assert tokenizer.add_start_token is False


def test_its_chat_template_gives_the_prompt_that_transformers_gives(checkpoint):
    template = checkpoint.tokenizer.chat_template
    messages = [{"role": "user", "content": "What is gravity?"}]
    assert render_chat(template, messages) == (
        "<|im_start|>system\n"
        "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
        "<|im_end|>\n"
        "<|im_start|>user\nWhat is gravity?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("character", ["\x04", "\U00080000"])
def test_what_its_vocabulary_lacks_is_refused(checkpoint, character):
    with pytest.raises(ValueError, match="cannot be written"):
        checkpoint.tokenizer.tokenize(f"a{character}b")
