"""From Mistral's params.json to this project's configuration.

The names are those of mistral-inference (args.py there) and, for what is newer, of the
adapters that vLLM and llama.cpp have for it.
"""

from collections.abc import Mapping
from typing import Any

from playground.presets.checked import Checked, head_faults, window_arguments
from playground.presets.errors import shown
from playground.presets.rope_scaling import mscale

_READ = frozenset([
    "dim", "n_layers", "head_dim", "hidden_dim", "n_heads", "n_kv_heads", "norm_eps",
    "vocab_size", "rope_theta", "sliding_window", "_sliding_window", "max_seq_len",
    "max_position_embeddings", "tied_embeddings", "yarn", "llama_4_scaling",
])  # fmt: skip
# How the weights lie on machines, and what is not about text.
_HARMLESS = frozenset([
    "max_batch_size", "model_parallel", "ragged_attention", "vision_encoder",
    "multimodal", "model_type", "lora",
])  # fmt: skip
# Keys that say what cannot be run here, unless they are absent.
_REFUSED = {
    "moe": "it is a mixture of experts (MoE)",
    "q_lora_rank": "it has latent attention (MLA)",
    "kv_lora_rank": "it has latent attention (MLA)",
    "quantization": "its weights are packed, as FP8 are; take them in bfloat16",
    "use_biases": "its layers have biases",
    "use_scaled_rope": "its rope is scaled in a way of its own",
}
_CONTEXT = 128_000  # mistral-inference has angles for so many positions


def config_from_params(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Arguments of `MistralBackbone`. Raises LoadError with all faults."""
    found = Checked(values=values)
    for key, why in _REFUSED.items():
        if found.get(key):
            found.faults.append(f"{key} = {shown(found.get(key))}: {why}")
    if found.get("model_type", "transformer") != "transformer":
        found.faults.append(
            f"model_type = {shown(found.get('model_type'))} is no transformer"
        )
    if found.get("causal", True) is not True:
        found.faults.append("causal = false is not supported")
    num_query_heads, hidden_dim = found.whole("n_heads"), found.whole("dim")
    num_key_value_heads = found.whole("n_kv_heads", num_query_heads)
    head_dim = found.whole("head_dim", hidden_dim // num_query_heads)
    found.faults.extend(head_faults(num_query_heads, num_key_value_heads, head_dim))
    windows = _windows(found)
    has_window = windows["sliding_window"] is not None
    base = found.positive("rope_theta", 10_000.0 if has_window else 1_000_000.0)
    config = {
        "vocabulary_size": found.whole("vocab_size"),
        "num_layers": found.whole("n_layers"),
        "num_query_heads": num_query_heads,
        "num_key_value_heads": num_key_value_heads,
        "hidden_dim": hidden_dim,
        "head_dim": head_dim,
        "intermediate_dim": found.whole("hidden_dim"),
        "rope_max_wavelength": base,
        "rope_scaling_factor": 1.0,
        **_scaling(found),
        "layer_norm_epsilon": found.positive("norm_eps"),
        **windows,
        "context_length": found.whole(
            "max_position_embeddings", found.whole("max_seq_len", _CONTEXT)
        ),
        "tie_word_embeddings": found.get("tied_embeddings", False) is True,
    }
    found.require_no_faults(
        f"{name} is not a model that can be run here. In params.json:",
        "Dense decoders are supported, such as Mistral 7B, Nemo or Ministral.",
    )
    return config


def unread_keys(values: Mapping[str, Any]) -> list[str]:
    """Keys that nothing here knows."""
    known = {*_READ, *_HARMLESS, *_REFUSED, "causal"}
    return sorted(str(key) for key in values if key not in known)


def _windows(found: Checked) -> dict[str, Any]:
    """One window for all layers, or a list that is repeated over them; null is none."""
    given = found.get("sliding_window", found.get("_sliding_window"))
    if not isinstance(given, list):
        key = "sliding_window" if found.get("sliding_window") else "_sliding_window"
        return {"sliding_window": None if given is None else found.whole(key)}
    num_layers = found.whole("n_layers")
    are_windows = given and all(
        each is None or (type(each) is int and 0 < each < 2**53) for each in given
    )
    if not are_windows or num_layers % len(given) or num_layers > 2**16:
        found.faults.append(
            f"sliding_window = {shown(given)} must be tokens from 1 or null, and as "
            f"many as divide {num_layers} layers evenly"
        )
        return {"sliding_window": None}
    return window_arguments(given * (num_layers // len(given)))


def _scaling(found: Checked) -> dict[str, Any]:
    scaling: dict[str, Any] = {}
    if (yarn := _part(found, "yarn")) is not None:
        factor = yarn.positive("factor")
        scaling = {
            "type": "yarn",
            "factor": factor,
            "original_context_length": yarn.whole("original_max_position_embeddings"),
            "beta_fast": yarn.positive("beta", 32.0),
            "beta_slow": yarn.positive("alpha", 1.0),
            "attention_factor": mscale(factor) if yarn.get("apply_scale") else 1.0,
        }
    if (llama := _part(found, "llama_4_scaling")) is not None:
        original = llama.whole("original_max_position_embeddings")
        if scaling.setdefault("original_context_length", original) != original:
            found.faults.append(
                f"{llama.prefix}original_max_position_embeddings = {original} and "
                f"yarn's = {scaling['original_context_length']} differ"
            )
        scaling["query_beta"] = llama.positive("beta")
    return {"rope_scaling": {"type": "default", **scaling}} if scaling else {}


def _part(found: Checked, key: str) -> Checked | None:
    """The pairs of an object in the file, if it is there."""
    part = found.get(key)
    if not part:
        return None
    if not isinstance(part, dict):
        found.faults.append(f"{key} must be an object, got {shown(part)}")
        return None
    return found.part(key, part)
