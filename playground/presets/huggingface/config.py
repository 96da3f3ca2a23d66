"""From Hugging Face's config.json to this project's configuration, by allow-list.

Each key is used, or known to change nothing, or refused by name: a key that nobody here
has heard of may change what the model computes. The names are transformers'
(configuration_mistral.py and configuration_llama.py there), and so are the defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground.presets.checked import Checked, head_faults
from playground.presets.errors import LoadError, listed, shown

# A Mistral without a window is a Llama.
MODEL_TYPES = ("mistral", "llama")

_USED = frozenset([
    "model_type", "vocab_size", "hidden_size", "intermediate_size",
    "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
    "max_position_embeddings", "rms_norm_eps", "sliding_window", "layer_types",
    "tie_word_embeddings", "rope_theta", "rope_scaling", "rope_parameters",
    "bos_token_id", "eos_token_id", "pad_token_id",
])  # fmt: skip
_HARMLESS = frozenset([
    # About the file and the program that wrote it.
    "_name_or_path", "architectures", "transformers_version", "transformers.js_config",
    "dtype", "torch_dtype", "torchscript", "use_bfloat16", "unsloth_version",
    "unsloth_fixed", "is_llama_config", "problem_type", "id2label", "label2id",
    "task_specific_params", "finetuning_task",
    # For training.
    "initializer_range", "attention_dropout", "gradient_checkpointing",
    # How it is computed and what is given back, not what comes out.
    "use_cache", "return_dict", "output_attentions", "output_hidden_states",
    "chunk_size_feed_forward", "pretraining_tp", "attn_implementation",
    "_attn_implementation", "_attn_implementation_autoset", "_flash_attn_2_enabled",
])  # fmt: skip
# Keys that are fine while they say that a thing is absent.
_ONLY_VALUE: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu",),
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
    "rope_interleaved": (False, None),
    "partial_rotary_factor": (1.0, None),
    "is_encoder_decoder": (False,),
    "add_cross_attention": (False,),
    "quantization_config": (None,),
    "pruned_heads": ({}, None),
}
_ROPE_KEYS = frozenset(["rope_type", "type", "factor", "rope_theta"])
_MISTRALS_WINDOW = 4096


@dataclass(frozen=True, kw_only=True)
class _Config(Checked):
    """The pairs of config.json."""

    def has(self, key: str) -> bool:
        return key in self.values

    @property
    def is_mistral(self) -> bool:
        return bool(self.values["model_type"] == "mistral")


def config_from_huggingface(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Arguments of `MistralBackbone` and `context_length`, `tie_word_embeddings`.

    Args:
        values: What config.json holds.
        name: What to call the model in a message.

    Raises:
        LoadError: Everything that is missing, wrong or not supported, by name.
    """
    if values.get("model_type") not in MODEL_TYPES:
        raise LoadError(
            f"{name} holds a model of the type {shown(values.get('model_type'))} "
            f"(model_type in config.json). Supported: {', '.join(MODEL_TYPES)}."
        )
    found = _Config(values=values)
    _refuse_unknown_keys(found)
    config = _config(found)
    if found.faults:
        raise LoadError(
            f"{name} is not a model that can be run here. In config.json:"
            + listed(found.faults)
            + "\nOnly plain Llama and Mistral decoders are supported."
        )
    return config


def _refuse_unknown_keys(found: _Config) -> None:
    for key, value in found.values.items():
        is_known = key in _USED | _HARMLESS or value in _ONLY_VALUE.get(key, ())
        if not is_known:
            found.faults.append(f"{shown(key)} = {shown(value)} is not supported")


def _config(found: _Config) -> dict[str, Any]:
    num_query_heads = found.whole("num_attention_heads")
    hidden_dim = found.whole("hidden_size")
    num_key_value_heads = found.whole(
        "num_key_value_heads", 8 if found.is_mistral else num_query_heads
    )
    head_dim = found.whole("head_dim", hidden_dim // num_query_heads)
    found.faults.extend(head_faults(num_query_heads, num_key_value_heads, head_dim))
    wavelength, factor = _rope(found)
    return {
        "vocabulary_size": found.whole("vocab_size"),
        "num_layers": found.whole("num_hidden_layers"),
        "num_query_heads": num_query_heads,
        "num_key_value_heads": num_key_value_heads,
        "hidden_dim": hidden_dim,
        "head_dim": head_dim,
        "intermediate_dim": found.whole("intermediate_size"),
        "rope_max_wavelength": wavelength,
        "rope_scaling_factor": factor,
        "layer_norm_epsilon": found.positive("rms_norm_eps"),
        "sliding_window": _sliding_window(found),
        "context_length": found.whole("max_position_embeddings"),
        "tie_word_embeddings": _tie_word_embeddings(found),
    }


def _rope(found: _Config) -> tuple[float, float]:
    """The base of the frequencies, and what positions are divided by.

    transformers 5 writes all of it into `rope_parameters`; before that the base was a
    key of its own, and the rest was `rope_scaling`.
    """
    base = found.positive("rope_theta", 10_000.0)
    sections = [key for key in ("rope_scaling", "rope_parameters") if found.get(key)]
    if not sections:
        return base, 1.0
    key, section = sections[0], found.get(sections[0])
    if len(sections) > 1 or not isinstance(section, dict):
        found.faults.append(
            f"{' and '.join(sections)} must be one object, got {shown(section)}"
        )
        return base, 1.0
    rope = Checked(
        values={f"{key}.{name}": value for name, value in section.items()},
        prefix=f"{key}.",
        faults=found.faults,
    )
    return _rope_base(rope, found, base), _rope_factor(rope, section)


def _rope_base(rope: Checked, found: _Config, base: float) -> float:
    own = rope.positive("rope_theta", base)
    if found.has("rope_theta") and own != base:
        found.faults.append(
            f"rope_theta = {base} and {rope.prefix}rope_theta = {own} differ"
        )
    return own


def _rope_factor(rope: Checked, section: Mapping[str, Any]) -> float:
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in ("none", "default", "linear"):
        rope.faults.append(
            f"{rope.prefix}rope_type = {shown(kind)} is not supported; default and "
            "linear are"
        )
        return 1.0
    for name, value in section.items():
        if name not in _ROPE_KEYS and value not in _ONLY_VALUE.get(name, ()):
            rope.faults.append(
                f"{shown(rope.prefix + name)} = {shown(value)} is not supported"
            )
    return rope.positive("factor") if kind == "linear" else 1.0


def _sliding_window(found: _Config) -> int | None:
    """Keys that a token sees, itself included; null means all of them."""
    if found.has("sliding_window"):
        absent = found.get("sliding_window") is None
        window = None if absent else found.whole("sliding_window")
    else:
        window = _MISTRALS_WINDOW if found.is_mistral else None
    if window is not None and not found.is_mistral:
        found.faults.append(
            f"sliding_window = {window} in a Llama, which transformers ignores; "
            "remove it, or set model_type to mistral"
        )
    _check_layer_types(found, window)
    return window


def _check_layer_types(found: _Config, window: int | None) -> None:
    expected = "full_attention" if window is None else "sliding_attention"
    kinds = found.get("layer_types", [])
    if not isinstance(kinds, list) or any(kind != expected for kind in kinds):
        found.faults.append(
            f"layer_types = {shown(kinds)} is not supported; with sliding_window = "
            f"{window} all layers must be {expected}"
        )


def _tie_word_embeddings(found: _Config) -> bool:
    tied = found.get("tie_word_embeddings", False)
    if not isinstance(tied, bool):
        found.faults.append(
            f"tie_word_embeddings must be true or false, got {shown(tied)}"
        )
    return bool(tied)
