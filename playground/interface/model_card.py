"""The line under the title that says which model this is."""

import math
from collections.abc import Sequence
from html import escape

import jax

from playground.models import MistralBackbone, MistralCausalLM
from playground.models.quantization import weights_dtype


def model_card(name: str, model: MistralCausalLM | None) -> str:
    """HTML that names the model, and tells its sizes once it is loaded."""
    facts = "" if model is None else "".join(map(_fact, facts_of(model)))
    return f'<p class="card"><strong>{escape(name)}</strong>{facts}</p>'


def _fact(words: str) -> str:
    return f"<span>{escape(words)}</span>"


def facts_of(model: MistralCausalLM) -> list[str]:
    """Its sizes, its dtype and its device, a few words each."""
    backbone = model.backbone
    heads = f"{backbone.num_query_heads} heads"
    if backbone.num_key_value_heads != backbone.num_query_heads:
        heads += f" ({backbone.num_key_value_heads} key/value)"
    return [
        f"{_short(_parameters(backbone))} parameters",
        f"{backbone.num_layers} layers",
        heads,
        _window(backbone.sliding_window, backbone.context_length)
        + _of_layers(backbone.layer_windows),
        f"{_precision(backbone)} on {_device()}",
        f"{_memory(backbone)} of weights",
    ]


def _parameters(backbone: MistralBackbone) -> int:
    """Without the scales of int8: they say what the others are."""
    counted = (v for v in backbone.variables if not v.path.endswith("_scale"))
    return sum(math.prod(variable.shape) for variable in counted)


def _precision(backbone: MistralBackbone) -> str:
    stored = weights_dtype(backbone.token_embedding.dtype_policy)
    computed = backbone.compute_dtype
    return stored if stored == computed else f"{stored} weights, {computed}"


def _memory(backbone: MistralBackbone) -> str:
    """Each array's own bytes: int8 ones are a quarter, beside their scales."""
    num_bytes = sum(variable.value.nbytes for variable in backbone.variables)
    return f"{num_bytes / 1e6:,.0f} MB"


def _window(window: int | None, context: int | None) -> str:
    if window is not None:
        return f"window {window:,} tokens"
    return "no window" + (f", context {context:,} tokens" if context else "")


def _of_layers(windows: Sequence[int | None]) -> str:
    """In how many layers, where not all have the window."""
    narrow = sum(window is not None for window in windows)
    return (
        "" if narrow in (0, len(windows)) else f" in {narrow} of {len(windows)} layers"
    )


def _short(number: int) -> str:
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def _device() -> str:
    device = jax.devices()[0]
    return "CPU" if device.platform == "cpu" else str(device.device_kind)
