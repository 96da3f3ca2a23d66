"""The whole model in numpy, float64, written to be read: the oracle of the tests.

It shares no code with the product and takes no short cut: every head has its own key
and value, the window is an explicit mask, nothing is cached. Slow, and meant for tiny
models only.

Weights come under the product's own variable paths and shapes; a kernel is (out, in),
so a product is `x @ kernel.T`. Letters: t query position, s key position, q query head,
h head dimension, d hidden dimension.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Weights = Mapping[str, np.ndarray]
Config = Mapping[str, Any]


def forward(weights: Weights, config: Config, token_ids: Sequence[int]) -> np.ndarray:
    """Logits [T, V] in float64 for one sequence, position 0 first."""
    hidden = hidden_states(weights, config, token_ids)
    if config["tie_word_embeddings"]:
        return hidden @ weights["token_embedding/embeddings"].T
    return hidden @ weights["token_embedding/reverse_embeddings"]


def hidden_states(
    weights: Weights, config: Config, token_ids: Sequence[int]
) -> np.ndarray:
    """What the vocabulary head reads [T, d]: the last layer's output, normalised."""
    x = layer_outputs(weights, config, token_ids)[-1]
    scale = np.asarray(weights["sequence_output_layernorm/scale"], np.float64)
    return rms_norm(x, scale, config["layer_norm_epsilon"])


def layer_outputs(
    weights: Weights, config: Config, token_ids: Sequence[int]
) -> list[np.ndarray]:
    """The embeddings [T, d], and what each layer makes of them: num_layers + 1."""
    w = {path: np.asarray(array, np.float64) for path, array in weights.items()}
    epsilon = config["layer_norm_epsilon"]
    outputs = [w["token_embedding/embeddings"][list(token_ids)]]
    for i in range(config["num_layers"]):
        x, layer = outputs[-1], _under(w, f"transformer_layer_{i}")
        y = rms_norm(x, layer["self_attention_layernorm/scale"], epsilon)
        x = x + attention(_under(layer, "self_attention"), config, y)
        y = rms_norm(x, layer["feedforward_layernorm/scale"], epsilon)
        outputs.append(x + feedforward(layer, y))
    return outputs


def layer_attention(
    weights: Weights, config: Config, x: np.ndarray, layer: int
) -> np.ndarray:
    """Attention weights [q, t, s] of a layer whose input is x [T, d]."""
    w = _under(weights, f"transformer_layer_{layer}")
    scale, epsilon = w["self_attention_layernorm/scale"], config["layer_norm_epsilon"]
    y = rms_norm(x, np.asarray(scale, np.float64), epsilon)
    return attention_weights(_under(w, "self_attention"), config, y)


def rms_norm(x: np.ndarray, scale: np.ndarray, epsilon: float) -> np.ndarray:
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + epsilon) * scale


def feedforward(layer: Weights, x: np.ndarray) -> np.ndarray:
    """SwiGLU: silu(gate) * up, then down."""
    gate = x @ layer["feedforward_gate_dense/kernel"].T
    up = x @ layer["feedforward_intermediate_dense/kernel"].T
    activated = gate / (1 + np.exp(-gate)) * up
    return activated @ layer["feedforward_output_dense/kernel"].T


def attention(layer: Weights, config: Config, x: np.ndarray) -> np.ndarray:
    """Grouped-query attention: query heads 0..g-1 read key/value head 0, and so on."""
    value = (x @ layer["value/kernel"].T).reshape(len(x), -1, config["head_dim"])
    value = np.repeat(value, _group(config), axis=1)
    attended = np.einsum("qts,sqh->tqh", attention_weights(layer, config, x), value)
    return attended.reshape(len(x), -1) @ layer["attention_output/kernel"].T


def attention_weights(layer: Weights, config: Config, x: np.ndarray) -> np.ndarray:
    """What each query head gives to each position [q, t, s]; the rows sum to 1."""
    heads = (len(x), -1, config["head_dim"])
    query = rotate((x @ layer["query/kernel"].T).reshape(heads), config)
    key = rotate((x @ layer["key/kernel"].T).reshape(heads), config)
    key = np.repeat(key, _group(config), axis=1)
    scores = np.einsum("tqh,sqh->qts", query, key) / np.sqrt(query.shape[-1])
    scores = np.where(visible(len(x), config["sliding_window"]), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _group(config: Config) -> int:
    """How many query heads share a key/value head."""
    return config["num_query_heads"] // config["num_key_value_heads"]


def visible(length: int, sliding_window: int | None) -> np.ndarray:
    """True [t, s] where the query at t sees the key at s.

    The window counts the token itself: with 2, position 3 sees 2 and 3.
    """
    distance = np.arange(length)[:, None] - np.arange(length)[None, :]
    window = length if sliding_window is None else sliding_window
    return (distance >= 0) & (distance < window)


def rotate(x: np.ndarray, config: Config) -> np.ndarray:
    """RoPE on [t, heads, h]: dimension i turns together with i + h/2 (half-split).

    The angle is position / scaling * wavelength^(-2i/h).
    """
    half = x.shape[-1] // 2
    frequency = float(config["rope_max_wavelength"]) ** (-np.arange(half) / half)
    position = np.arange(len(x)) / config["rope_scaling_factor"]
    angle = (position[:, None] * frequency)[:, None, :]
    first, second = x[..., :half], x[..., half:]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.concatenate(
        [first * cos - second * sin, second * cos + first * sin], axis=-1
    )


def _under(weights: Weights, folder: str) -> dict[str, np.ndarray]:
    prefix = folder + "/"
    return {
        path.removeprefix(prefix): array
        for path, array in weights.items()
        if path.startswith(prefix)
    }
