"""The same weights in the two reference implementations, transformers and keras-hub.

Used by the scripts beside it that make the stored oracles; the tests never import it.
Weights come under the product's variable paths and shapes, `config` under its names.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np

Weights = Mapping[str, np.ndarray]
Config = Mapping[str, Any]

PACKAGES = ("torch", "transformers", "keras-hub", "keras", "jax", "numpy", "gguf")

_IN_EACH_LAYER = {
    "self_attention_layernorm/scale": "input_layernorm.weight",
    "self_attention/query/kernel": "self_attn.q_proj.weight",
    "self_attention/key/kernel": "self_attn.k_proj.weight",
    "self_attention/value/kernel": "self_attn.v_proj.weight",
    "self_attention/attention_output/kernel": "self_attn.o_proj.weight",
    "feedforward_layernorm/scale": "post_attention_layernorm.weight",
    "feedforward_gate_dense/kernel": "mlp.gate_proj.weight",
    "feedforward_intermediate_dense/kernel": "mlp.up_proj.weight",
    "feedforward_output_dense/kernel": "mlp.down_proj.weight",
}


def provenance() -> dict[str, Any]:
    """Where a stored file comes from: the command, the date and the versions."""
    return {
        "command": " ".join(["python", sys.argv[0], *map(file_name, sys.argv[1:])]),
        "date": datetime.now(UTC).date().isoformat(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in PACKAGES},
    }


def file_name(path: str) -> str:
    """Without its folder: that is nobody else's business."""
    return os.path.basename(path)


def output_embeddings(weights: Weights, config: Config) -> np.ndarray:
    """The vocabulary head [V, d], which is the embedding table when tied."""
    if config["tie_word_embeddings"]:
        return weights["token_embedding/embeddings"]
    return weights["token_embedding/reverse_embeddings"].T


def transformers_model(weights: Weights, config: Config, dtype: str = "float32") -> Any:
    """`transformers.MistralForCausalLM` with eager attention.

    In float64 its norms, softmax and rotary angles still pass through float32: its
    code says so. What that costs is measured against the numpy oracle.
    """
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    rope = {"rope_type": "default", "rope_theta": float(config["rope_max_wavelength"])}
    if config["rope_scaling_factor"] != 1.0:
        rope |= {"rope_type": "linear", "factor": config["rope_scaling_factor"]}
    peer_config = MistralConfig(
        vocab_size=config["vocabulary_size"],
        hidden_size=config["hidden_dim"],
        intermediate_size=config["intermediate_dim"],
        num_hidden_layers=config["num_layers"],
        num_attention_heads=config["num_query_heads"],
        num_key_value_heads=config["num_key_value_heads"],
        head_dim=config["head_dim"],
        rms_norm_eps=config["layer_norm_epsilon"],
        sliding_window=config["sliding_window"],
        tie_word_embeddings=config["tie_word_embeddings"],
        rope_parameters=rope,
        max_position_embeddings=8192,
        attn_implementation="eager",
    )
    model = MistralForCausalLM(peer_config).to(getattr(torch, dtype)).eval()
    state = {"lm_head.weight": output_embeddings(weights, config)}
    state |= {_transformers_name(path): array for path, array in weights.items()}
    state.pop("", None)
    model.load_state_dict(
        {name: torch.tensor(np.ascontiguousarray(a)) for name, a in state.items()}
    )
    return model


def _transformers_name(path: str) -> str:
    """Foreign name of a variable; "" for the untied head, which is set apart."""
    outside_layers = {
        "token_embedding/embeddings": "model.embed_tokens.weight",
        "token_embedding/reverse_embeddings": "",
        "sequence_output_layernorm/scale": "model.norm.weight",
    }
    if path in outside_layers:
        return outside_layers[path]
    layer, inside = path.split("/", 1)
    return f"model.layers.{layer.rsplit('_', 1)[1]}.{_IN_EACH_LAYER[inside]}"


def keras_hub_model(weights: Weights, config: Config) -> Any:
    """`keras_hub.models.MistralCausalLM` on JAX, float32.

    It always unties the embeddings, and its kernels lie (in, out) with the heads as an
    axis of their own: the product's, transposed and reshaped.
    """
    import keras_hub

    names = set(config) - {"tie_word_embeddings"}
    backbone = keras_hub.models.MistralBackbone(
        **{name: config[name] for name in names}, dtype="float32"
    )
    head = {"token_embedding/reverse_embeddings": output_embeddings(weights, config).T}
    arrays = {
        path: array.T if path.endswith("/kernel") else array
        for path, array in {**weights, **head}.items()
    }
    for variable in backbone.weights:
        array = arrays.pop(_tail(variable.path, arrays))
        variable.assign(array.reshape(variable.shape))
    assert not arrays, f"keras-hub has no place for {sorted(arrays)}"
    return keras_hub.models.MistralCausalLM(backbone, preprocessor=None)


def _tail(path: str, names: Mapping[str, Any]) -> str:
    (name,) = [name for name in names if path == name or path.endswith("/" + name)]
    return name
