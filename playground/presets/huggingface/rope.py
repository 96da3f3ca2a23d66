"""From `rope_parameters`, or what older files have, to this project's rope.

transformers 5 writes all of it into `rope_parameters`; before that the base was a key
of its own, `rope_theta`, and the rest was `rope_scaling`. Where several say a thing,
the first of these counts: `rope_scaling`, `rope_parameters`, the key of its own.
"""

from typing import Any

from playground.presets.checked import Checked
from playground.presets.errors import shown
from playground.presets.huggingface.families import Family
from playground.presets.rope_scaling import mscale

_BASE = 10_000.0
_KINDS = ("default", "linear", "dynamic", "yarn", "llama3")


def rope_of(found: Checked, family: Family) -> dict[str, Any]:
    """The arguments of `MistralBackbone` that begin with "rope"."""
    key = "rope_scaling" if found.get("rope_scaling") else "rope_parameters"
    section = found.get(key) or dict(family.rope)
    if not isinstance(section, dict):
        found.faults.append(f"{key} must be an object, got {shown(section)}")
        section = {}
    if any(isinstance(value, dict) for value in section.values()):
        found.faults.append(f"{key} for each kind of layer, {shown(section)}")
        section = {}
    rope = found.part(key, section)
    base = rope.positive("rope_theta", found.get("rope_theta", _BASE))
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in ("none", *_KINDS):
        found.faults.append(
            f"{key}.rope_type = {shown(kind)} is not supported; {', '.join(_KINDS)} are"
        )
        kind = "default"
    partial = rope.get("partial_rotary_factor", found.get("partial_rotary_factor", 1.0))
    if kind in _KINDS[1:] and partial != 1:
        found.faults.append(
            f"partial_rotary_factor = {shown(partial)} with {key} is not supported"
        )
    factor = rope.positive("factor") if kind == "linear" else 1.0
    scaling = _scaling(kind, rope, found, family)
    return {
        "rope_max_wavelength": base,
        "rope_scaling_factor": factor,
        **({"rope_scaling": scaling} if scaling else {}),
    }


def _scaling(
    kind: str, rope: Checked, found: Checked, family: Family
) -> dict[str, Any]:
    scaling: dict[str, Any] = {}
    match kind:
        case "dynamic":
            scaling = {
                "factor": rope.positive("factor"),
                "original_context_length": found.whole("max_position_embeddings"),
            }
        case "yarn":
            scaling = _yarn(rope, found)
        case "llama3":
            scaling = _llama3(rope, found)
    beta = rope.get("llama_4_scaling_beta") if family.scales_queries else None
    if beta:
        if "original_context_length" not in scaling:
            scaling["original_context_length"] = _original(rope, found)
        scaling["query_beta"] = rope.positive("llama_4_scaling_beta")
    return {"type": kind, **scaling} if scaling else {}


def _original(rope: Checked, found: Checked) -> int:
    """Tokens that the model first learnt; a key of its own goes before."""
    key = "original_max_position_embeddings"
    if found.get(key) is not None:
        return found.whole(key)
    return rope.whole(key, found.whole("max_position_embeddings"))


def _yarn(rope: Checked, found: Checked) -> dict[str, Any]:
    original = _original(rope, found)
    factor = rope.positive("factor", found.whole("max_position_embeddings") / original)
    truncate = rope.get("truncate", True)
    if not isinstance(truncate, bool):
        rope.faults.append(
            f"{rope.prefix}truncate must be true or false, got {shown(truncate)}"
        )
        truncate = True
    return {
        "factor": factor,
        "original_context_length": original,
        # A fast one of 0 stands for the usual one there.
        "beta_fast": rope.positive("beta_fast", 32.0)
        if rope.get("beta_fast")
        else 32.0,
        "beta_slow": rope.positive("beta_slow", 1.0) if rope.get("beta_slow") else 1.0,
        "truncate": truncate,
        "attention_factor": _attention_factor(rope, factor),
    }


def _attention_factor(rope: Checked, factor: float) -> float:
    if rope.get("attention_factor") is not None:
        return rope.positive("attention_factor")
    if rope.get("mscale") and rope.get("mscale_all_dim"):
        own, all_dims = rope.positive("mscale"), rope.positive("mscale_all_dim")
        return mscale(factor, own) / mscale(factor, all_dims)
    return mscale(factor)


def _llama3(rope: Checked, found: Checked) -> dict[str, Any]:
    low = rope.positive("low_freq_factor")
    high = rope.positive("high_freq_factor")
    if high <= low:
        rope.faults.append(
            f"{rope.prefix}high_freq_factor = {high} must be above low_freq_factor = "
            f"{low}"
        )
    return {
        "factor": rope.positive("factor"),
        "original_context_length": _original(rope, found),
        "low_frequency_factor": low,
        "high_frequency_factor": high,
    }
