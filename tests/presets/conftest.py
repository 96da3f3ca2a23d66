"""Tiny models as GGUF files, written with the `gguf` package, and the real one."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import sentencepiece
from gguf.quants import quantize

from playground.presets.catalog import PRESETS
from playground.presets.downloads.package import fetch
from playground.tokenizers.byte_level_bpe import byte_letters

Metadata = dict[str, Any]
WriteGGUF = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Path]


@pytest.fixture(scope="session")
def smollm2_gguf() -> Path:
    """The default model; downloaded once into the user's cache."""
    return fetch(PRESETS["smollm2_135m_instruct"].source, lambda *_: None)


@pytest.fixture(scope="session")
def tiny_proto() -> bytes:
    """A SentencePiece model made like Mistral's: BPE with bytes for the rest."""
    words = ["low lower lowest", "new newer newest", "wide wider widest", "x y z 123"]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words * 3),
        model_writer=model,
        vocab_size=300,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        user_defined_symbols=["▁▁"],
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


@pytest.fixture(scope="session")
def bpe_metadata() -> Metadata:
    """Three special tokens, the 256 bytes, then five merges."""
    merges = ["l o", "lo w", "Ġ low", "e r", "low er"]
    tokens = ["<|end|>", "<|user|>", "\u20ac tag", *byte_letters()]
    tokens += [merge.replace(" ", "") for merge in merges]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3, 3, 4] + [1] * (len(tokens) - 3),
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 0,
        "tokenizer.chat_template": "{{ messages[0].content }}<|end|>",
    }


@pytest.fixture(scope="session")
def spm_metadata(tiny_proto: bytes) -> Metadata:
    """What llama.cpp's converter writes for that SentencePiece model."""
    pieces = sentencepiece.SentencePieceProcessor(model_proto=tiny_proto)
    ids = range(pieces.get_piece_size())
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": [_spelt(pieces, id_) for id_ in ids],
        "tokenizer.ggml.scores": [float(pieces.get_score(id_)) for id_ in ids],
        "tokenizer.ggml.token_type": [_kind(pieces, id_) for id_ in ids],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": False,
    }


def _kind(pieces: Any, id_: int) -> int:
    if pieces.is_unknown(id_):
        return 2
    if pieces.is_control(id_):
        return 3
    if pieces.is_byte(id_):
        return 6
    return 4 if pieces.id_to_piece(id_) == "▁▁" else 1


def _spelt(pieces: Any, id_: int) -> str:
    """The converter writes user-defined tokens with spaces."""
    token = str(pieces.id_to_piece(id_))
    return token.replace("▁", " ") if _kind(pieces, id_) == 4 else token


@pytest.fixture(scope="session")
def tiny_config() -> Metadata:
    """Two layers, four query heads on two key/value heads of size 16."""
    return {
        "general.architecture": "llama",
        "general.name": "tiny",
        "llama.block_count": 2,
        "llama.context_length": 128,
        "llama.embedding_length": 32,
        "llama.feed_forward_length": 96,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.key_length": 16,
        "llama.attention.value_length": 16,
        "llama.attention.layer_norm_rms_epsilon": 1e-6,
        "llama.rope.freq_base": 5000.0,
        "llama.rope.dimension_count": 16,
    }


@pytest.fixture(scope="session")
def tiny_tensors(bpe_metadata: Metadata) -> dict[str, np.ndarray]:
    """Random weights for it, under llama.cpp's names; tied embeddings."""
    draw = np.random.default_rng(0)
    vocabulary = len(bpe_metadata["tokenizer.ggml.tokens"])
    shapes = {"token_embd.weight": (vocabulary, 32), "output_norm.weight": (32,)}
    for layer in range(2):
        block = f"blk.{layer}."
        shapes |= {
            block + "attn_norm.weight": (32,),
            block + "attn_q.weight": (64, 32),
            block + "attn_k.weight": (32, 32),
            block + "attn_v.weight": (32, 32),
            block + "attn_output.weight": (32, 64),
            block + "ffn_norm.weight": (32,),
            block + "ffn_gate.weight": (96, 32),
            block + "ffn_up.weight": (96, 32),
            block + "ffn_down.weight": (32, 96),
        }
    return {name: draw.normal(size=s).astype("float32") for name, s in shapes.items()}


@pytest.fixture
def write_gguf(tmp_path: Path) -> WriteGGUF:
    """Writes metadata and tensors; a value of None leaves that key out.

    A tensor is an array (kept in float32) or a pair (array, quantization type).
    """

    def write(
        name: str, metadata: Mapping[str, Any], tensors: Mapping[str, Any]
    ) -> Path:
        path = tmp_path / name
        writer = gguf.GGUFWriter(path, metadata["general.architecture"])
        for key, value in metadata.items():
            if key != "general.architecture" and value is not None:
                _add_pair(writer, key, value)
        for tensor, values in tensors.items():
            _add_tensor(writer, tensor, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return write


def _add_pair(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    match value:
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case float():
            writer.add_float32(key, value)
        case str():
            writer.add_string(key, value)
        case _:
            writer.add_array(key, value)


def _add_tensor(writer: gguf.GGUFWriter, name: str, values: Any) -> None:
    if isinstance(values, np.ndarray):
        writer.add_tensor(name, values)
    elif values is not None:
        array, type_ = values
        writer.add_tensor(name, quantize(array, type_), raw_dtype=type_)
