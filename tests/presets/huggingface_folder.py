"""Writes folders in Hugging Face's layout: the tiny models of the stored oracles."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.oracles.stored import TinyCase, tiny_case

FOLDERS = Path(__file__).parents[1] / "oracles" / "folders"
# As transformers wrote it, in shards, with a SentencePiece model of 61 tokens.
BY_TRANSFORMERS = FOLDERS / "huggingface"

_IN_EACH_LAYER = {
    "input_layernorm": "self_attention_layernorm/scale",
    "self_attn.q_proj": "self_attention/query/kernel",
    "self_attn.k_proj": "self_attention/key/kernel",
    "self_attn.v_proj": "self_attention/value/kernel",
    "self_attn.o_proj": "self_attention/attention_output/kernel",
    "post_attention_layernorm": "feedforward_layernorm/scale",
    "mlp.gate_proj": "feedforward_gate_dense/kernel",
    "mlp.up_proj": "feedforward_intermediate_dense/kernel",
    "mlp.down_proj": "feedforward_output_dense/kernel",
}


def tensors_of(case: TinyCase) -> dict[str, np.ndarray]:
    """The case's weights under transformers' names."""
    weights = case.weights
    tensors = {
        "model.embed_tokens.weight": weights["token_embedding/embeddings"],
        "model.norm.weight": weights["sequence_output_layernorm/scale"],
    }
    if not case.config["tie_word_embeddings"]:
        head = weights["token_embedding/reverse_embeddings"].T
        tensors["lm_head.weight"] = np.ascontiguousarray(head)
    for layer in range(case.config["num_layers"]):
        tensors |= {
            f"model.layers.{layer}.{theirs}.weight": weights[
                f"transformer_layer_{layer}/{ours}"
            ]
            for theirs, ours in _IN_EACH_LAYER.items()
        }
    return tensors


def config_of(case: TinyCase) -> dict[str, Any]:
    """The case's configuration as transformers 4 wrote it."""
    ours = case.config
    factor = ours["rope_scaling_factor"]
    return {
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "vocab_size": ours["vocabulary_size"],
        "hidden_size": ours["hidden_dim"],
        "intermediate_size": ours["intermediate_dim"],
        "num_hidden_layers": ours["num_layers"],
        "num_attention_heads": ours["num_query_heads"],
        "num_key_value_heads": ours["num_key_value_heads"],
        "head_dim": ours["head_dim"],
        "hidden_act": "silu",
        "max_position_embeddings": 8192,
        "rms_norm_eps": ours["layer_norm_epsilon"],
        "rope_theta": ours["rope_max_wavelength"],
        "rope_scaling": None if factor == 1 else {"type": "linear", "factor": factor},
        "sliding_window": ours["sliding_window"],
        "tie_word_embeddings": ours["tie_word_embeddings"],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "float32",
        "use_cache": True,
    }


def write_folder(
    folder: Path,
    case: TinyCase | str = "grouped_query",
    *,
    config: Mapping[str, Any] | None = None,
    tensors: Mapping[str, np.ndarray | None] | None = None,
    files: Mapping[str, Any] | None = None,
    without: tuple[str, ...] = (),
) -> Path:
    """A whole folder with changes; a tensor or file that is None is left out."""
    if isinstance(case, str):
        case = tiny_case(case)
    folder.mkdir(exist_ok=True)
    changed = tensors_of(case) | dict(tensors or {})
    save_file(
        {name: array for name, array in changed.items() if array is not None},
        folder / "model.safetensors",
    )
    values = config_of(case) | dict(config or {})
    values = {key: value for key, value in values.items() if key not in without}
    proto = (BY_TRANSFORMERS / "tokenizer.model").read_bytes()
    for name, content in {
        "config.json": values,
        "tokenizer.model": proto,
        **(files or {}),
    }.items():
        write_file(folder / name, content)
    return folder


def write_file(path: Path, content: Any) -> None:
    """Bytes or a text as they are, None as no file, anything else as JSON."""
    if content is None:
        path.unlink(missing_ok=True)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text)


def shard(folder: Path, index: Mapping[str, Any] | None = None) -> Path:
    """Replaces model.safetensors by two shards and an index, or by that index."""
    from safetensors.numpy import load_file

    whole = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(whole)
    places = {
        name: f"model-0000{1 + place % 2}-of-00002.safetensors"
        for place, name in enumerate(names)
    }
    for file in set(places.values()):
        part = {name: whole[name] for name in names if places[name] == file}
        save_file(part, folder / file)
    weight_map = places if index is None else {**places, **index}
    weight_map = {name: file for name, file in weight_map.items() if file}
    write_file(folder / "model.safetensors.index.json", {"weight_map": weight_map})
    return folder
