"""Make `smollm2.npz`: what transformers and keras-hub say with SmolLM2-135M-Instruct.

The weights are those of the product's default model, the Q4_1 GGUF, dequantised to
float32. Run it again only to change the prompts. In an environment of its own (the
product needs none of these): `pip install torch==2.13.0 transformers==5.23.0
keras-hub==0.32.0 gguf==0.19.0 jax==0.10.2 accelerate==1.15.0`, then from the
repository root

    python tests/oracles/make_smollm2_oracle.py SmolLM2-135M-Instruct.Q4_1.gguf

It takes a few minutes and 6 GB. For each prompt, window (4096 and 32) and peer the
file holds at every position: the logits of 48 fixed columns, the ten likeliest ids
with their logits, and the logsumexp. Also 64 greedy tokens for the chat prompt.
The script stops if the peers disagree, or if transformers' own GGUF loader does.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from peer_models import keras_hub_model, provenance, transformers_model

OUTPUT = Path(__file__).with_name("smollm2.npz")
WINDOWS = (4096, 32)
NUM_COLUMNS = 48
NUM_TOP = 10
NUM_GREEDY = 64
END_TOKEN_ID = 2

# float32 noise of 30 layers on logits of up to about 30.
PEERS_AGREE_WITHIN = 1e-3
# With a window of 32, random ids put the model where it is ill-conditioned: measured
# against `numpy_mistral` in float64, transformers is off by 3.5e-3 there, keras-hub by
# 2.5e-3, and transformers in float64 with its float32 norms still by 1.6e-3.
ILL_CONDITIONED = {("random_ids", 32): 1e-2}

TEXTS = {
    "one_token": "The",
    "short": "Once upon a time",
    "python": (
        "def fibonacci(n: int) -> int:\n    if n < 2:\n        return n\n"
        "    return fibonacci(n - 1) + fibonacci(n - 2)\n\n\nprint(fibonacci(30))\n"
    ),
    "numbers": "In 1969, 3.14159 * 2 = 6.28318; 100,000 people paid $12.50 each.",
    "scripts": "Zażółć gęślą jaźń. 日本語のテキスト 🪟🌬️ Привет, мир! 안녕하세요 שלום",
    "whitespace": "a\n\n\n   b\t\tc      d\r\n e\n    f\n" * 2,
    "paragraph": (
        "The mistral is a strong, cold, northwesterly wind that blows from southern "
        "France into the Gulf of Lion in the northern Mediterranean. It is most common "
        "in winter and spring, and strongest in the transition between the two "
        "seasons. Periods of the wind exceeding thirty kilometres an hour for more "
        "than sixty-five hours have been reported. The wind usually blows down the "
        "Rhone valley, clears the sky of clouds, and carries the smell of lavender "
        "far out to sea, where sailors have feared it for as long as there have been "
        "sails to tear. "
    ),
}

GRAVITY = [{"role": "user", "content": "What is gravity?"}]
TURNS = [
    {"role": "system", "content": "You answer like a patient teacher."},
    {"role": "user", "content": "Why does the moon not fall down?"},
    {"role": "assistant", "content": "It does fall, and it keeps missing the Earth."},
    {"role": "user", "content": "What do you mean, it keeps missing?"},
]


def prompts(tokenizer: Any) -> dict[str, list[int]]:
    """Named token ids, 1 to 300 long; most are longer than the window of 32."""

    def chat(messages: list[dict[str, str]]) -> list[int]:
        template = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        return template["input_ids"]

    ids = {name: tokenizer(text).input_ids for name, text in TEXTS.items()}
    random_ids = np.random.default_rng(2).integers(0, len(tokenizer), 50).tolist()
    return ids | {
        "gravity_chat": chat(GRAVITY),
        "turns_chat": chat(TURNS),
        "same_token_40_times": [28] * 40,
        "random_ids": random_ids,
        "window_exactly": ids["paragraph"][:32],
        "window_plus_one": ids["paragraph"][:33],
        "long_300": (ids["paragraph"] * 3 + ids["python"] * 3)[:300],
    }


def read_gguf(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The product's config and float32 weights, by a loader of the oracle's own."""
    from gguf import GGUFReader
    from gguf.quants import dequantize

    reader = GGUFReader(path)

    def field(name: str) -> Any:
        return reader.get_field(f"llama.{name}").contents()

    heads, kv_heads = field("attention.head_count"), field("attention.head_count_kv")
    config = {
        "vocabulary_size": field("vocab_size"),
        "num_layers": field("block_count"),
        "num_query_heads": heads,
        "num_key_value_heads": kv_heads,
        "hidden_dim": field("embedding_length"),
        "intermediate_dim": field("feed_forward_length"),
        "head_dim": field("rope.dimension_count"),
        "rope_max_wavelength": field("rope.freq_base"),
        "rope_scaling_factor": 1.0,
        "layer_norm_epsilon": field("attention.layer_norm_rms_epsilon"),
        "tie_word_embeddings": True,
    }
    raw = {t.name: dequantize(t.data, t.tensor_type) for t in reader.tensors}
    weights = {
        "token_embedding/embeddings": raw.pop("token_embd.weight"),
        "sequence_output_layernorm/scale": raw.pop("output_norm.weight"),
    }
    for i in range(config["num_layers"]):
        tensor = {
            name: raw.pop(f"blk.{i}.{name}.weight")
            for name in (
                *("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output"),
                *("ffn_norm", "ffn_gate", "ffn_up", "ffn_down"),
            )
        }
        at = f"transformer_layer_{i}"
        weights |= {
            f"{at}/self_attention_layernorm/scale": tensor["attn_norm"],
            f"{at}/self_attention/query/kernel": half_split(tensor["attn_q"], heads),
            f"{at}/self_attention/key/kernel": half_split(tensor["attn_k"], kv_heads),
            f"{at}/self_attention/value/kernel": tensor["attn_v"],
            f"{at}/self_attention/attention_output/kernel": tensor["attn_output"],
            f"{at}/feedforward_layernorm/scale": tensor["ffn_norm"],
            f"{at}/feedforward_gate_dense/kernel": tensor["ffn_gate"],
            f"{at}/feedforward_intermediate_dense/kernel": tensor["ffn_up"],
            f"{at}/feedforward_output_dense/kernel": tensor["ffn_down"],
        }
    assert not raw, f"unused tensors: {sorted(raw)}"
    return config, weights


def half_split(kernel: np.ndarray, heads: int) -> np.ndarray:
    """[heads * h, d]: rope pairs in neighbouring rows -> pairs half a head apart."""
    pairs = kernel.reshape(heads, -1, 2, kernel.shape[-1])
    return pairs.swapaxes(1, 2).reshape(kernel.shape)


class TransformersPeer:
    name = "transformers"

    def __init__(self, weights: dict[str, np.ndarray], config: dict[str, Any]) -> None:
        self.model = transformers_model(weights, config)

    def logits(self, token_ids: list[int]) -> np.ndarray:
        return torch_logits(self.model, token_ids)

    def greedy(self, token_ids: list[int]) -> list[int]:
        import torch

        output = self.model.generate(
            torch.tensor([token_ids]),
            attention_mask=torch.ones(1, len(token_ids), dtype=torch.int64),
            do_sample=False,
            max_new_tokens=NUM_GREEDY,
            eos_token_id=END_TOKEN_ID,
            pad_token_id=END_TOKEN_ID,
        )
        return output[0, len(token_ids) :].tolist()


class KerasHubPeer:
    name = "keras_hub"
    padded_length = 320  # one compiled shape for every prompt

    def __init__(self, weights: dict[str, np.ndarray], config: dict[str, Any]) -> None:
        self.model = keras_hub_model(weights, config)
        self.model.compile(sampler="greedy")

    def _inputs(self, token_ids: list[int], length: int) -> dict[str, np.ndarray]:
        padding = length - len(token_ids)
        return {
            "token_ids": np.pad(
                np.array([token_ids], np.int32), ((0, 0), (0, padding))
            ),
            "padding_mask": (np.arange(length)[None] < len(token_ids)).astype("int32"),
        }

    def logits(self, token_ids: list[int]) -> np.ndarray:
        inputs = self._inputs(token_ids, self.padded_length)
        return np.asarray(self.model.predict_on_batch(inputs))[0, : len(token_ids)]

    def greedy(self, token_ids: list[int]) -> list[int]:
        inputs = self._inputs(token_ids, len(token_ids) + NUM_GREEDY)
        output = self.model.generate(inputs, stop_token_ids=(END_TOKEN_ID,))
        real = np.asarray(output["token_ids"])[np.asarray(output["padding_mask"])]
        return real[len(token_ids) :].tolist()


def torch_logits(model: Any, token_ids: list[int]) -> np.ndarray:
    import torch

    with torch.no_grad():
        return model(torch.tensor([token_ids])).logits[0].numpy()


def summary(logits: np.ndarray, columns: np.ndarray) -> dict[str, np.ndarray]:
    """The part of [T, V] logits that is stored, every position in it."""
    top_ids = np.argsort(-logits, axis=-1, kind="stable")[:, :NUM_TOP]
    largest = logits.max(axis=-1, keepdims=True)
    sums = np.exp(logits.astype(np.float64) - largest).sum(axis=-1)
    return {
        "columns": logits[:, columns],
        "top_ids": top_ids.astype(np.uint16),  # the vocabulary is below 65,536
        "top_logits": np.take_along_axis(logits, top_ids, axis=-1),
        "logsumexp": (np.log(sums) + largest[:, 0]).astype(np.float32),
    }


def gguf_loader_difference(
    path: Path, ids: dict[str, list[int]], logits: dict[str, np.ndarray]
) -> float:
    """Largest difference from transformers' own reading of the file, no window."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype="float32", attn_implementation="eager"
    )
    return max(
        float(np.abs(torch_logits(model, ids[name]) - logits[name]).max())
        for name in ids
    )


def ask(
    path: Path, ids: dict[str, list[int]], columns: np.ndarray
) -> Iterator[tuple[str, Any]]:
    """Everything to store, as (name, value); the names under `about/` are JSON."""
    config, weights = read_gguf(path)
    yield "about/config", config
    for window in WINDOWS:
        windowed = config | {"sliding_window": window}
        peers = [peer(weights, windowed) for peer in (TransformersPeer, KerasHubPeer)]
        full = {}
        for name, token_ids in ids.items():
            one, other = (peer.logits(token_ids) for peer in peers)
            difference = float(np.abs(one - other).max())
            print(f"{window:5} {name:20} {len(token_ids):4} tokens {difference:.1e}")
            assert difference < ILL_CONDITIONED.get((name, window), PEERS_AGREE_WITHIN)
            yield f"about/largest_difference/{window}/{name}", difference
            for peer, logits in zip(peers, (one, other), strict=True):
                for part, array in summary(logits, columns).items():
                    yield f"{name}/{window}/{peer.name}/{part}", array
            full[name] = one
        greedy = [peer.greedy(ids["gravity_chat"]) for peer in peers]
        assert greedy[0] == greedy[1], greedy
        yield f"gravity_chat/{window}/greedy_token_ids", np.array(greedy[0], np.int32)
        logits = peers[0].logits(ids["gravity_chat"] + greedy[0])
        chosen = np.sort(logits[len(ids["gravity_chat"]) - 1 : -1], axis=-1)
        lead = float((chosen[:, -1] - chosen[:, -2]).min())
        yield f"about/smallest_greedy_lead/{window}", lead
        if window == max(WINDOWS):
            difference = gguf_loader_difference(path, ids, full)
            assert difference < PEERS_AGREE_WITHIN, difference
            yield "about/largest_difference_from_gguf_loader", difference


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf", type=Path, help="SmolLM2-135M-Instruct.Q4_1.gguf")
    path = parser.parse_args().gguf

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    ids = prompts(tokenizer)
    columns = np.sort(
        np.random.default_rng(0).choice(len(tokenizer), NUM_COLUMNS, replace=False)
    )
    about: dict[str, Any] = provenance() | {"weights": path.name}
    stored = {"columns": columns.astype(np.int32)}
    stored |= {f"{name}/token_ids": np.array(ids[name], np.int32) for name in ids}
    for name, value in ask(path, ids, columns):
        if name.startswith("about/"):
            about[name.removeprefix("about/")] = value
        else:
            stored[name] = value
    about["text"] = {
        "gravity_prompt": tokenizer.decode(ids["gravity_chat"]),
        **{
            str(window): tokenizer.decode(
                stored[f"gravity_chat/{window}/greedy_token_ids"],
                skip_special_tokens=True,
            )
            for window in WINDOWS
        },
    }
    np.savez_compressed(OUTPUT, about=np.array(json.dumps(about)), **stored)
    print(json.dumps(about, indent=2))
    print(f"{OUTPUT}: {OUTPUT.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
