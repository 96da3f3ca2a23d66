"""The decoders of transformers that can be run here: a row each.

A row has the keys that the configuration's class reads, with the values that they have
unless config.json says otherwise (configuration_*.py in transformers 5.23).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REQUIRED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")


@dataclass(frozen=True, kw_only=True)
class Family:
    """What one `model_type` reads.

    defaults: key -> value. "sliding_window" is there if the class has windows, and
        "layer_types" if its layers may differ.
    only: keys that are fine with one of these values alone.
    rope: `rope_parameters` unless they are given.
    scales_queries: whether queries grow with their position.
    """

    defaults: Mapping[str, Any]
    only: Mapping[str, tuple[Any, ...]]
    rope: Mapping[str, Any] = field(default_factory=dict)
    scales_queries: bool = False

    @property
    def has_windows(self) -> bool:
        return "sliding_window" in self.defaults


_COMMON = {
    "num_key_value_heads": 8,
    "head_dim": None,
    "intermediate_size": 14336,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
    "sliding_window": 4096,
}
_ONLY = {"hidden_act": ("silu", "swish")}
_LLAMA = {
    **_COMMON,
    "num_key_value_heads": None,
    "intermediate_size": 11008,
    "max_position_embeddings": 2048,
}
del _LLAMA["sliding_window"]

FAMILIES: dict[str, Family] = {
    "mistral": Family(defaults=_COMMON, only=_ONLY),
    "llama": Family(
        defaults=_LLAMA,
        only={**_ONLY, "attention_bias": (False, None), "mlp_bias": (False, None)},
    ),
    "ministral": Family(defaults={**_COMMON, "layer_types": None}, only=_ONLY),
    "ministral3": Family(
        defaults={
            **_COMMON,
            "head_dim": 128,
            "max_position_embeddings": 262144,
            "rms_norm_eps": 1e-5,
            "sliding_window": None,
        },
        only=_ONLY,
        rope={
            "rope_type": "yarn",
            "rope_theta": 1_000_000.0,
            "factor": 16.0,
            "original_max_position_embeddings": 16384,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "mscale_all_dim": 1.0,
            "mscale": 1.0,
            "llama_4_scaling_beta": 0.1,
        },
        scales_queries=True,
    ),
}

# What holds such a decoder under `text_config`, and its type unless that says it.
WRAPPERS = {"mistral3": "mistral", "llava": "llama", "voxtral": "llama"}

# What people may well try, and what it is.
_REFUSED = {
    "mixtral": "a mixture of experts (MoE)",
    "mistral4": "a mixture of experts (MoE) with latent attention (MLA)",
    "mistral_large4": "a mixture of experts (MoE) with latent attention (MLA)",
    "deepseek_v2": "a mixture of experts (MoE) with latent attention (MLA)",
    "deepseek_v3": "a mixture of experts (MoE) with latent attention (MLA)",
    "mamba2": "a state space model (Mamba)",
}


def why_refused(model_type: object) -> str:
    """What is said of another type, and what would work."""
    what = _REFUSED.get(model_type) if isinstance(model_type, str) else None
    told = f", {what}, which cannot be run here" if what else ""
    return (
        f"{told}. Supported: {', '.join([*FAMILIES, *WRAPPERS])}, all of them dense: "
        "such as Mistral 7B, Nemo, Small 3, Ministral 3, Llama 3."
    )


# Keys that every class reads for other purposes, or that are well known to change
# nothing: about the file, training, what is given back, pictures beside the text.
UNREMARKABLE = frozenset([
    "model_type", "architectures", "transformers_version", "dtype", "torch_dtype",
    "_name_or_path", "name_or_path", "hidden_act", "use_cache", "initializer_range",
    "attention_dropout", "bos_token_id", "eos_token_id", "pad_token_id",
    "return_dict", "output_attentions", "output_hidden_states", "problem_type",
    "chunk_size_feed_forward", "id2label", "label2id", "num_labels", "pretraining_tp",
    "rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor",
    "original_max_position_embeddings", "quantization_config", "per_layer_config",
    "is_encoder_decoder", "add_cross_attention", "pruned_heads", "text_config",
    "vision_config", "audio_config", "image_token_index", "audio_token_id",
    "projector_hidden_act", "vision_feature_layer", "vision_feature_select_strategy",
    "multimodal_projector_bias", "spatial_merge_size", "attn_implementation",
    "_attn_implementation", "_attn_implementation_autoset", "torchscript",
    "use_bfloat16", "transformers.js_config", "gradient_checkpointing",
    "_flash_attn_2_enabled", "task_specific_params", "finetuning_task",
    "unsloth_version", "unsloth_fixed", "is_llama_config", "rope_interleaved",
])  # fmt: skip
