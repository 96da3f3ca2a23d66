"""Make `tiny.npz`: tiny random Mistral checkpoints and what transformers says of them.

Run it again only to add a case. In an environment of its own (the product needs none
of these): `pip install torch==2.13.0 transformers==5.23.0 keras-hub==0.32.0
gguf==0.19.0 jax==0.10.2`, then from the repository root

    python tests/oracles/make_tiny_oracle.py

The file holds for each case its config, every weight (as float16, which they fit
exactly), a ragged batch and, from `transformers.MistralForCausalLM` in float64 with
eager attention, the logits and the normalised hidden states of all real positions.
The script stops if keras-hub (float32), transformers itself on the padded batch
(float32) or `numpy_mistral` (float64) disagree.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy_mistral import forward
from peer_models import (
    Config,
    Weights,
    keras_hub_model,
    provenance,
    transformers_model,
)

OUTPUT = Path(__file__).with_name("tiny.npz")
LENGTHS = (40, 17, 1)  # real tokens in each row of the ragged batch

# In float32: its noise on logits up to about 20. In float64: transformers still takes
# norms, softmax and rotary angles through float32.
AGREE_WITHIN = {
    "transformers_float32_padded": 5e-5,
    "keras_hub_float32_padded": 5e-5,
    "numpy_float64": 2e-5,
}

BASE = {
    "vocabulary_size": 61,
    "num_layers": 2,
    "num_query_heads": 4,
    "num_key_value_heads": 2,
    "hidden_dim": 32,
    "intermediate_dim": 48,
    "head_dim": 8,
    "rope_max_wavelength": 10000.0,
    "rope_scaling_factor": 1.0,
    "layer_norm_epsilon": 1e-6,
    "sliding_window": None,
    "tie_word_embeddings": False,
}

CASES: dict[str, dict[str, Any]] = {
    "grouped_query": {},
    "grouped_query_window_8": {"sliding_window": 8, "num_layers": 3},
    "window_1": {"sliding_window": 1},
    "window_39_of_40": {"sliding_window": 39, "num_layers": 1},
    "window_longer_than_prompt": {"sliding_window": 64},
    "multi_query_window_5": {"num_key_value_heads": 1, "sliding_window": 5},
    "multi_head": {"num_key_value_heads": 4},
    "wide_heads_window_8": {"head_dim": 12, "sliding_window": 8},
    "narrow_heads": {"head_dim": 4, "num_query_heads": 6, "num_key_value_heads": 3},
    "tied": {"tie_word_embeddings": True},
    "long_wavelength": {"rope_max_wavelength": 1000000.0},
    "short_wavelength_window_8": {"rope_max_wavelength": 50.0, "sliding_window": 8},
    "large_epsilon": {"layer_norm_epsilon": 1e-2},
    "linear_rope_scaling": {"rope_scaling_factor": 2.0, "sliding_window": 16},
}


def random_weights(config: Config, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Every variable under the product's path, spread so that logits are far apart.

    Kernels keep the size of what passes through them; queries and keys are larger, so
    that attention is peaked and one key more or less shows.
    """
    d, f, h = config["hidden_dim"], config["intermediate_dim"], config["head_dim"]
    q, k = config["num_query_heads"], config["num_key_value_heads"]
    v = config["vocabulary_size"]

    def normal(*shape: int, fan_in: int, gain: float = 1.0) -> np.ndarray:
        return rng.normal(0, gain / np.sqrt(fan_in), shape)

    weights = {"token_embedding/embeddings": rng.normal(0, 0.6, (v, d))}
    if not config["tie_word_embeddings"]:
        weights["token_embedding/reverse_embeddings"] = normal(d, v, fan_in=d, gain=4)
    for i in range(config["num_layers"]):
        at = f"transformer_layer_{i}"
        weights |= {
            f"{at}/self_attention_layernorm/scale": rng.uniform(0.5, 1.5, d),
            f"{at}/self_attention/query/kernel": normal(q * h, d, fan_in=d, gain=1.5),
            f"{at}/self_attention/key/kernel": normal(k * h, d, fan_in=d, gain=1.5),
            f"{at}/self_attention/value/kernel": normal(k * h, d, fan_in=d),
            f"{at}/self_attention/attention_output/kernel": normal(
                d, q * h, fan_in=q * h
            ),
            f"{at}/feedforward_layernorm/scale": rng.uniform(0.5, 1.5, d),
            f"{at}/feedforward_gate_dense/kernel": normal(f, d, fan_in=d),
            f"{at}/feedforward_intermediate_dense/kernel": normal(f, d, fan_in=d),
            f"{at}/feedforward_output_dense/kernel": normal(d, f, fan_in=f),
        }
    weights["sequence_output_layernorm/scale"] = rng.uniform(0.5, 1.5, d)
    return {path: array.astype(np.float16) for path, array in weights.items()}


def ragged_batch(
    config: Config, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Token ids [B, T] with random padding ids on the right, and the mask [B, T]."""
    shape = (len(LENGTHS), max(LENGTHS))
    token_ids = rng.integers(0, config["vocabulary_size"], shape, dtype=np.int32)
    return token_ids, np.arange(shape[1]) < np.array(LENGTHS)[:, None]


def ask_transformers(
    weights: Weights, config: Config, token_ids: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Logits and hidden states of the real positions, in float64.

    Each row alone and without padding: a padding row that sees no key is NaN there.
    """
    import torch

    model = transformers_model(weights, config, dtype="float64")
    logits, hidden = [], []
    with torch.no_grad():
        for row, real in zip(token_ids, mask, strict=True):
            states = model.model(torch.tensor(row[real])[None]).last_hidden_state[0]
            hidden.append(states.numpy())
            logits.append(model.lm_head(states).numpy())
    return np.concatenate(logits), np.concatenate(hidden)


def ask_transformers_padded(
    weights: Weights, config: Config, token_ids: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    """The same logits from one padded float32 batch with an attention mask."""
    import torch

    model = transformers_model(weights, config)
    with torch.no_grad():
        logits = model(torch.tensor(token_ids), attention_mask=torch.tensor(mask))
    return logits.logits.numpy()[mask]


def ask_keras_hub(
    weights: Weights, config: Config, token_ids: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    model = keras_hub_model(weights, config)
    inputs = {"token_ids": token_ids, "padding_mask": mask.astype("int32")}
    return np.asarray(model(inputs))[mask]


def ask_numpy(
    weights: Weights, config: Config, token_ids: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    rows = zip(token_ids, mask, strict=True)
    return np.concatenate([forward(weights, config, row[real]) for row, real in rows])


def main() -> None:
    stored: dict[str, np.ndarray] = {}
    differences = {}
    for number, (case, changes) in enumerate(CASES.items()):
        config = BASE | changes
        rng = np.random.default_rng(number)
        stored_weights = random_weights(config, rng)
        weights = {path: a.astype(np.float32) for path, a in stored_weights.items()}
        batch = ragged_batch(config, rng)
        logits, hidden = ask_transformers(weights, config, *batch)
        others = {
            "transformers_float32_padded": ask_transformers_padded(
                weights, config, *batch
            ),
            "keras_hub_float32_padded": ask_keras_hub(weights, config, *batch),
            "numpy_float64": ask_numpy(weights, config, *batch),
        }
        differences[case] = {
            name: float(np.abs(other - logits).max()) for name, other in others.items()
        }
        print(
            f"{case:26} logits {logits.min():6.1f} to {logits.max():5.1f}",
            *(f"{difference:.1e}" for difference in differences[case].values()),
        )
        for name, difference in differences[case].items():
            assert difference < AGREE_WITHIN[name], f"{case}: {name} {difference}"
        stored |= {f"{case}/weights/{p}": a for p, a in stored_weights.items()}
        stored |= {
            f"{case}/config": np.array(json.dumps(config)),
            f"{case}/token_ids": batch[0],
            f"{case}/padding_mask": batch[1],
            f"{case}/logits": logits.astype(np.float32),
            f"{case}/hidden_states": hidden.astype(np.float32),
        }
    about = provenance() | {"largest_difference_from_transformers": differences}
    np.savez_compressed(OUTPUT, about=np.array(json.dumps(about)), **stored)
    print(f"{OUTPUT}: {OUTPUT.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
