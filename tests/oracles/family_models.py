"""Tiny models of every family: their config.json, and weights that need no storing.

Weights are drawn from a seed, tensor by tensor in the order of their names, so the
script that asks transformers for the logits and the tests that compare them make the
same ones. Windows are shorter than the text, heads are shared and have a size of their
own.
"""

from typing import Any

import numpy as np

LENGTH, VOCABULARY = 40, 61
_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 24,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 256,
    "hidden_act": "silu",
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}


def _rope(kind: str, **more: Any) -> dict[str, Any]:
    return {"rope_theta": 1e4, "rope_type": kind, **more}


_YARN = _rope("yarn", factor=8.0, original_max_position_embeddings=8)
_MINISTRAL_3 = {
    **_YARN,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "mscale": 1.0,
    "mscale_all_dim": 1.0,
    "llama_4_scaling_beta": 0.1,
}
_KINDS = ["full_attention", "sliding_attention", "sliding_attention"]


def _mistral(**changes: Any) -> dict[str, Any]:
    return {**_SIZES, "model_type": "mistral", "sliding_window": None, **changes}


def _llama(**changes: Any) -> dict[str, Any]:
    return {**_SIZES, "model_type": "llama", **changes}


def _ministral_3(**changes: Any) -> dict[str, Any]:
    return {
        **_SIZES,
        "model_type": "ministral3",
        "sliding_window": None,
        "rope_parameters": _MINISTRAL_3,
        **changes,
    }


def _seeing(text: dict[str, Any]) -> dict[str, Any]:
    return {
        "model_type": "mistral3",
        "tie_word_embeddings": text["tie_word_embeddings"],
        "text_config": text,
        "vision_config": {"model_type": "pixtral"},
    }


CONFIGS: dict[str, dict[str, Any]] = {
    "mistral_window": _mistral(sliding_window=7, rope_parameters=_rope("default")),
    "mistral_yarn": _mistral(rope_parameters=_YARN),
    "mistral_layer_types": _mistral(
        sliding_window=7, layer_types=_KINDS[::-1], rope_parameters=_rope("default")
    ),
    "ministral": {
        **_mistral(sliding_window=7, layer_types=_KINDS),
        "model_type": "ministral",
        "rope_parameters": _rope("default"),
    },
    "ministral3": _ministral_3(),
    "ministral3_mscale": _ministral_3(
        rope_parameters={**_MINISTRAL_3, "mscale": 0.7, "mscale_all_dim": 0.4}
    ),
    "mistral3_tied": _seeing(_ministral_3(tie_word_embeddings=True)),
    "mistral3_of_mistral": _seeing(_mistral(rope_parameters=_rope("default"))),
    "llama": _llama(rope_parameters=_rope("default")),
    "llama_linear": _llama(rope_parameters=_rope("linear", factor=4.0)),
    "llama_dynamic": _llama(
        max_position_embeddings=16, rope_parameters=_rope("dynamic", factor=4.0)
    ),
    "llama3": _llama(
        rope_parameters=_rope(
            "llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=16,
        )
    ),
    "llama_yarn_untruncated": _llama(
        rope_parameters={**_YARN, "truncate": False, "beta_fast": 4.0}
    ),
    "llama_yarn_attention_factor": _llama(
        rope_parameters={**_YARN, "attention_factor": 0.8}
    ),
}


def token_ids() -> np.ndarray:
    """One text [40] for all of them."""
    drawn = np.random.default_rng(0).integers(3, VOCABULARY, LENGTH - 1)
    return np.concatenate([[1], drawn]).astype(np.int32)


def weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The text part's tensors, by the names that transformers has for them today."""
    numbers = np.random.default_rng(1)
    drawn = {}
    for name in sorted(shapes):
        values = numbers.standard_normal(shapes[name], np.float32)
        drawn[name] = 0.3 * values + 1 if values.ndim == 1 else 0.25 * values
    return drawn
