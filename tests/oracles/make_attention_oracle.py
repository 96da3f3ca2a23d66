"""Make `attention.npz`: the attention weights of transformers on the tiny checkpoints.

In the environment of `make_tiny_oracle.py`, whose `tiny.npz` it reads, from the
repository root

    python tests/oracles/make_attention_oracle.py

For each case it holds the eager attention weights of all layers, float32 [L, Q, T, T],
of the first text of the batch, from `transformers.MistralForCausalLM` in float64 (whose
softmax passes through float32). The script stops if `numpy_mistral` disagrees.
"""

import json
from pathlib import Path

import numpy as np
import stored
from numpy_mistral import layer_attention, layer_outputs
from peer_models import provenance, transformers_model

OUTPUT = Path(__file__).with_name("attention.npz")
CASES = (
    "grouped_query_window_8",
    "multi_query_window_5",
    "wide_heads_window_8",
    "narrow_heads",
    "tied",
    "linear_rope_scaling",
)
AGREE_WITHIN = 1e-5  # transformers takes softmax, norms and angles through float32


def ask_transformers(case: stored.TinyCase, token_ids: np.ndarray) -> np.ndarray:
    import torch

    model = transformers_model(case.weights, case.config, dtype="float64")
    with torch.no_grad():
        said = model(torch.tensor(token_ids)[None], output_attentions=True)
    return np.concatenate([layer.numpy() for layer in said.attentions])


def ask_numpy(case: stored.TinyCase, token_ids: np.ndarray) -> np.ndarray:
    inputs = layer_outputs(case.weights, case.config, token_ids)[:-1]
    return np.stack(
        [layer_attention(case.weights, case.config, x, i) for i, x in enumerate(inputs)]
    )


def main() -> None:
    found: dict[str, np.ndarray] = {}
    differences = {}
    for name in CASES:
        case = stored.tiny_case(name)
        token_ids = np.asarray(next(case.rows())[0])
        weights = ask_transformers(case, token_ids)
        difference = float(np.abs(weights - ask_numpy(case, token_ids)).max())
        print(f"{name:26} {weights.shape} {difference:.1e}")
        assert difference < AGREE_WITHIN, f"{name}: {difference}"
        found[name], differences[name] = weights.astype(np.float32), difference
    about = provenance() | {"largest_difference_from_numpy_mistral": differences}
    np.savez_compressed(OUTPUT, about=np.array(json.dumps(about)), **found)
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
