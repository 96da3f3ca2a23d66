"""From Hugging Face's config.json to this project's configuration.

For a known `model_type` the keys that transformers' class reads are used, or refused
where they ask for what is not computed here. Every other key changes nothing there, so
it changes nothing here; `unread_keys` names them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground.presets.checked import Checked, head_faults, window_arguments
from playground.presets.errors import LoadError, shown
from playground.presets.huggingface.families import (
    FAMILIES,
    REQUIRED,
    UNREMARKABLE,
    WRAPPERS,
    Family,
    why_refused,
)
from playground.presets.huggingface.rope import rope_of

# Keys of every class that are fine while they say that a thing is absent.
_ONLY_OF_ALL: dict[str, tuple[Any, ...]] = {
    "is_encoder_decoder": (False, None),
    "add_cross_attention": (False, None),
    "per_layer_config": ({}, None),
    "pruned_heads": ({}, None),
}
_SLIDING, _FULL = "sliding_attention", "full_attention"


@dataclass(frozen=True, kw_only=True)
class _Config(Checked):
    """The pairs of config.json, or of the part of it that is about text."""

    family: Family

    def get(self, key: str, default: Any = None) -> Any:
        """The value; the class's own where the key is absent or null."""
        own = self.family.defaults.get(self.prefix + key)
        return super().get(key, own if default is None else default)

    def is_null(self, key: str) -> bool:
        return key in self.values and self.values[key] is None


def config_from_huggingface(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Arguments of `MistralBackbone` and `context_length`, `tie_word_embeddings`.

    Args:
        values: What config.json holds.
        name: What to call the model in a message.

    Raises:
        LoadError: Everything that is missing, wrong or not supported, by name.
    """
    model_type, values = text_part(values, name)
    found = _Config(values=values, family=FAMILIES[model_type])
    _refuse_other_values(found)
    config = _config(found)
    found.require_no_faults(
        f"{name} is not a model that can be run here. In config.json:",
        "Only plain Llama and Mistral decoders are supported.",
    )
    return config


def text_part(values: Mapping[str, Any], name: str) -> tuple[str, Mapping[str, Any]]:
    """The type of the decoder, and what is said of it; {} stands for all of it.

    What reads pictures or sound beside the text has that under `text_config`. Raises
    LoadError for a type that cannot be run here.
    """
    outer = values.get("model_type")
    if outer not in WRAPPERS:
        model_type, inner = outer, values
        if outer == "mistral" and values.get("layer_types"):
            model_type = "ministral"  # as transformers' AutoConfig does
    else:
        inner = values.get("text_config") or {}
        if not isinstance(inner, dict):
            raise LoadError(f"text_config in config.json of {name} must be an object.")
        model_type = inner.get("model_type", WRAPPERS[outer])
        # The whole model's own word for these counts.
        inner = {
            **inner,
            **{
                key: values[key]
                for key in ("tie_word_embeddings", "quantization_config")
                if values.get(key) is not None
            },
        }
    if model_type not in FAMILIES:
        raise LoadError(
            f"{name} holds a model of the type {shown(model_type)} (model_type in "
            f"config.json){why_refused(model_type)}"
        )
    return model_type, inner


def unread_keys(values: Mapping[str, Any], name: str) -> list[str]:
    """Keys of a config.json that the model's class does not read, so nobody does."""
    model_type, inner = text_part(values, name)
    read = {*FAMILIES[model_type].defaults, *FAMILIES[model_type].only, *REQUIRED}
    return sorted({*values, *inner} - read - UNREMARKABLE)


def _refuse_other_values(found: _Config) -> None:
    for key, fine in (_ONLY_OF_ALL | dict(found.family.only)).items():
        value = found.values.get(key, fine[0])
        if value not in fine:
            found.faults.append(f"{shown(key)} = {shown(value)} is not supported")
    if quantized := found.get("quantization_config"):
        method = quantized.get("quant_method") if isinstance(quantized, dict) else None
        found.faults.append(
            f"quantization_config = {shown(quantized)}: weights that are packed as "
            f"{shown(method)} are not supported. Take the model in bfloat16, or as a "
            ".gguf file, and choose int8 here"
        )


def _config(found: _Config) -> dict[str, Any]:
    num_query_heads = found.whole("num_attention_heads")
    hidden_dim = found.whole("hidden_size")
    if found.is_null("num_key_value_heads"):
        num_key_value_heads = num_query_heads
    else:
        num_key_value_heads = found.whole(
            "num_key_value_heads",
            found.family.defaults["num_key_value_heads"] or num_query_heads,
        )
    head_dim = found.whole(
        "head_dim",
        (not found.is_null("head_dim") and found.family.defaults["head_dim"])
        or hidden_dim // num_query_heads,
    )
    found.faults.extend(head_faults(num_query_heads, num_key_value_heads, head_dim))
    return {
        "vocabulary_size": found.whole("vocab_size"),
        "num_layers": found.whole("num_hidden_layers"),
        "num_query_heads": num_query_heads,
        "num_key_value_heads": num_key_value_heads,
        "hidden_dim": hidden_dim,
        "head_dim": head_dim,
        "intermediate_dim": found.whole("intermediate_size"),
        **rope_of(found, found.family),
        "layer_norm_epsilon": found.positive("rms_norm_eps"),
        **_windows(found),
        "context_length": found.whole("max_position_embeddings"),
        "tie_word_embeddings": _tie_word_embeddings(found),
    }


def _windows(found: _Config) -> dict[str, Any]:
    """Keys that a token sees, itself included, in all layers or in each."""
    if not found.family.has_windows:
        return {"sliding_window": None}
    is_absent = found.is_null("sliding_window") or found.get("sliding_window") is None
    window = None if is_absent else found.whole("sliding_window")
    kinds = found.get("layer_types") if "layer_types" in found.family.defaults else None
    if kinds is None:
        return {"sliding_window": window}
    num_layers = found.whole("num_hidden_layers")
    if (
        not isinstance(kinds, list)
        or len(kinds) != num_layers
        or not set(map(str, kinds)) <= {_SLIDING, _FULL}
        or (window is None and _SLIDING in kinds)
    ):
        found.faults.append(
            f"layer_types = {shown(kinds)} with sliding_window = {window} is not "
            f"supported; each of {num_layers} layers must be {_FULL} or, with a "
            f"window, {_SLIDING}"
        )
        return {"sliding_window": window}
    return window_arguments([window if each == _SLIDING else None for each in kinds])


def _tie_word_embeddings(found: _Config) -> bool:
    tied = found.get("tie_word_embeddings", False)
    if not isinstance(tied, bool):
        found.faults.append(
            f"tie_word_embeddings must be true or false, got {shown(tied)}"
        )
    return bool(tied)
