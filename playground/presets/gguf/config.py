"""From GGUF metadata to this project's configuration, by allow-list.

Each key is used, or known to change nothing, or refused by name: a key that nobody here
has heard of may change what the model computes. The names are llama.cpp's
(gguf-py/gguf/constants.py there); they live only in this folder.
"""

from dataclasses import dataclass
from typing import Any

from playground.presets.checked import Checked, head_faults
from playground.presets.errors import LoadError, shown
from playground.presets.gguf.file import GGUFFile
from playground.presets.rope_scaling import mscale

# llama.cpp writes Mistral checkpoints as "llama", Ministral 3 as "mistral3".
ARCHITECTURES = ("llama", "mistral3")

# Beginnings of keys that change nothing here.
_HARMLESS = (
    "general.",  # about the file, but for what is read elsewhere or listed below
    "quantize.",  # how the quantizer was run
    "tokenizer.",  # the tokenizer has its own list
    "split.no",  # these matter only when split.count is above 1
    "split.tensors.count",
)
# Keys of the file as a whole that are fine with one of these values.
_ONLY_VALUE_OF_FILE: dict[str, tuple[Any, ...]] = {
    "general.type": ("model",),
    "general.quantization_version": (2,),
    "split.count": (0, 1),
}
_REQUIRED = (
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "attention.head_count",
    "attention.layer_norm_rms_epsilon",
)
_OPTIONAL = (
    "vocab_size",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.sliding_window",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scale_linear",
    "rope.scaling.original_context_length",
    "rope.scaling.attn_factor",
    "rope.scaling.yarn_ext_factor",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_log_multiplier",
    "attention.temperature_scale",
)
# Keys that are fine while they say that a thing is absent.
_ONLY_VALUE: dict[str, tuple[Any, ...]] = {
    "expert_count": (0,),
    "expert_used_count": (0,),
    "use_parallel_residual": (False,),
    "attention.causal": (True,),
    "logit_scale": (1.0,),
    "residual_scale": (1.0,),
    "embedding_scale": (1.0,),
    # What GGUF always does with the rows of q and k; old files say it.
    "tensor_data_layout": ("Meta AI original pth",),
}
_HARMLESS_OF_MODEL = ("rope.scaling.finetuned",)
# What is said of some keys, and of what `general.type` may be.
_REFUSED = {
    "expert_count": "is a mixture of experts (MoE), which cannot be run here; take a "
    "dense model, such as Mistral 7B, Nemo or Ministral 3",
    "attention.kv_lora_rank": "is latent attention (MLA), which cannot be run here",
}
_TYPES = {
    "adapter": "is a LoRA adapter: give its base, with the adapter merged into it",
    "mmproj": "only reads pictures for another model: give that",
}


@dataclass(frozen=True, kw_only=True)
class _Metadata(Checked):
    """The file's pairs, of which most begin with its architecture."""

    file: GGUFFile


def config_from_metadata(file: GGUFFile) -> dict[str, Any]:
    """Arguments of `MistralBackbone` and `context_length`, `tie_word_embeddings`.

    Raises:
        LoadError: Everything that is missing, wrong or not supported, by name.
    """
    prefix = f"{_architecture(file)}."
    metadata = _Metadata(values=file.metadata, prefix=prefix, file=file)
    _refuse_unknown_keys(metadata)
    config = _config(metadata)
    metadata.require_no_faults(
        f"{file.path.name} is not a model that can be run here:",
        "Only plain Llama and Mistral decoders are supported.",
    )
    return config


def _architecture(file: GGUFFile) -> str:
    found = file.metadata.get("general.architecture")
    if found not in ARCHITECTURES:
        raise LoadError(
            f"{file.path.name} holds a model of architecture {shown(found)}. "
            f"Supported: {', '.join(ARCHITECTURES)} "
            "(Mistral models are written as llama)."
        )
    return str(found)


def _refuse_unknown_keys(metadata: _Metadata) -> None:
    prefix, pairs = metadata.prefix, metadata.values
    known = {prefix + key for key in (*_REQUIRED, *_OPTIONAL, *_HARMLESS_OF_MODEL)}
    only = {prefix + key: values for key, values in _ONLY_VALUE.items()}
    only |= _ONLY_VALUE_OF_FILE
    for key, value in pairs.items():
        is_known = value in only[key] if key in only else _is_harmless(key)
        if not is_known and key not in known:
            why = _REFUSED.get(key.removeprefix(prefix), "is not supported")
            if key == "general.type":
                why = _TYPES.get(str(value), why)
            metadata.faults.append(f"{shown(key)} = {shown(value)} {why}")
    for key in metadata.file.arrays:
        if not _is_harmless(key):
            metadata.faults.append(f"{shown(key)} is a list, which is not supported")


def _is_harmless(key: str) -> bool:
    return key.startswith(_HARMLESS)


def _config(metadata: _Metadata) -> dict[str, Any]:
    num_query_heads = metadata.whole("attention.head_count")
    num_key_value_heads = metadata.whole("attention.head_count_kv", num_query_heads)
    hidden_dim = metadata.whole("embedding_length")
    head_dim = _head_dim(metadata, hidden_dim, num_query_heads)
    metadata.faults.extend(head_faults(num_query_heads, num_key_value_heads, head_dim))
    return {
        "vocabulary_size": _vocabulary_size(metadata),
        "num_layers": _num_layers(metadata),
        "num_query_heads": num_query_heads,
        "num_key_value_heads": num_key_value_heads,
        "hidden_dim": hidden_dim,
        "head_dim": head_dim,
        "intermediate_dim": metadata.whole("feed_forward_length"),
        "rope_max_wavelength": metadata.positive("rope.freq_base", 10_000.0),
        **_rope_scaling(metadata),
        "layer_norm_epsilon": metadata.positive("attention.layer_norm_rms_epsilon"),
        "sliding_window": _sliding_window(metadata),
        "context_length": metadata.whole("context_length"),
        "tie_word_embeddings": "output.weight" not in metadata.file.tensors,
    }


def _num_layers(metadata: _Metadata) -> int:
    """Checked before a table of rules is made for so many layers."""
    num_layers, num_tensors = metadata.whole("block_count"), len(metadata.file.tensors)
    if num_layers > num_tensors:
        metadata.faults.append(
            f"{metadata.prefix}block_count = {num_layers}, but the file has "
            f"only {num_tensors} tensors"
        )
    return num_layers


def _head_dim(metadata: _Metadata, hidden_dim: int, num_query_heads: int) -> int:
    head_dim = metadata.whole("attention.key_length", hidden_dim // num_query_heads)
    for key in ("attention.value_length", "rope.dimension_count"):
        found = metadata.get(key, head_dim)
        if found != head_dim:
            metadata.faults.append(
                f"{metadata.prefix}{key} = {shown(found)} differs from "
                f"the size of a head, {head_dim}; it must be the same"
            )
    return head_dim


def _vocabulary_size(metadata: _Metadata) -> int:
    """The number of tokens. The tensor table checks the embedding against it."""
    tokens = metadata.file.arrays.get("tokenizer.ggml.tokens", [])
    if len(tokens) == 0:
        metadata.faults.append("tokenizer.ggml.tokens is missing, so no tokenizer")
        return 1
    size = metadata.whole("vocab_size", len(tokens))
    if size != len(tokens):
        metadata.faults.append(
            f"{metadata.prefix}vocab_size = {size}, but there are {len(tokens)} tokens"
        )
    return size


def _sliding_window(metadata: _Metadata) -> int | None:
    """Keys that a token sees, itself included. Absent and 0 mean all of them."""
    if not metadata.get("attention.sliding_window", 0):
        return None
    return metadata.whole("attention.sliding_window")


def _rope_scaling(metadata: _Metadata) -> dict[str, Any]:
    """How positions and frequencies are scaled, as llama.cpp does it."""
    # Files from before `rope.scaling.*` have `rope.scale_linear`.
    old = metadata.positive("rope.scale_linear", 1.0)
    factor = metadata.positive("rope.scaling.factor", old)
    kind = metadata.get("rope.scaling.type", "linear")
    if kind not in ("none", "linear", "yarn"):
        metadata.faults.append(
            f"{metadata.prefix}rope.scaling.type = {shown(kind)} is not "
            "supported; none, linear and yarn are"
        )
    scaling = _yarn(metadata, factor) if kind == "yarn" else {}
    for key in ("rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor"):
        if kind != "yarn" and metadata.get(key, 1.0) != 1:
            metadata.faults.append(
                f"{metadata.prefix}{key} = {shown(metadata.get(key))} without yarn is "
                "not supported"
            )
    if metadata.get("attention.temperature_scale", 0.0):
        scaling = {
            "type": "default",
            "original_context_length": _original(metadata),
            **scaling,
            "query_beta": metadata.positive("attention.temperature_scale"),
        }
    return {
        "rope_scaling_factor": factor if kind == "linear" else 1.0,
        **({"rope_scaling": scaling} if scaling else {}),
    }


def _original(metadata: _Metadata) -> int:
    return metadata.whole(
        "rope.scaling.original_context_length", metadata.whole("context_length")
    )


def _yarn(metadata: _Metadata, factor: float) -> dict[str, Any]:
    """llama-context.cpp: the logarithms' factor over that of `yarn_log_multiplier`."""
    of_scores = mscale(factor)
    if metadata.get("rope.scaling.yarn_log_multiplier", 0.0):
        of_scores /= mscale(
            factor, metadata.positive("rope.scaling.yarn_log_multiplier")
        )
    for key in ("rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor"):
        of_scores *= metadata.positive(key, 1.0)
    extended = metadata.get("rope.scaling.yarn_ext_factor", 1.0)
    if extended not in (1.0, -1.0):  # -1: as it comes
        metadata.faults.append(
            f"{metadata.prefix}rope.scaling.yarn_ext_factor = {shown(extended)} is not "
            "supported; 1 is"
        )
    return {
        "type": "yarn",
        "factor": factor,
        "original_context_length": _original(metadata),
        "beta_fast": metadata.positive("rope.scaling.yarn_beta_fast", 32.0),
        "beta_slow": metadata.positive("rope.scaling.yarn_beta_slow", 1.0),
        "attention_factor": of_scores,
    }
