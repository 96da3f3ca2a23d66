"""Which tensor of a safetensors folder is which: the names that programs have written.

Today's are `HUGGING_FACE` in `tensor_names`. Before them, or around them, files have:

    layers.0...                          a model that was saved without its head
    language_model.model.layers.0...     the text part of one that sees or hears
    model.language_model.layers.0...     the same, as some programs wrote it
    ...rotary_emb.inv_freq               frequencies, which follow from config.json
    lm_head.weight                       beside tied embeddings, which it repeats
    vision_tower... and its kind         what is not about text
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from playground.presets.tensor_names import TensorNames

_BUFFER = re.compile(
    r".*\.(rotary_emb\.(inv_freq|cos_cached|sin_cached)|masked_bias|attn\.bias)"
)
_NOT_TEXT = re.compile(
    r"(model\.)?(vision_tower|vision_model|vision_encoder|vision_language_adapter|"
    r"multi_modal_projector|audio_tower|patch_merger|pre_mm_projector_norm|mm_\w+)\..*"
)
_TEXT_PART = re.compile(r"(model\.)?language_model\.(model\.)?(lm_head\.)?")
_WITHOUT_MODEL = ("embed_tokens.", "layers.", "norm.", "rotary_emb.")


@dataclass
class Sorted:
    """The name by which a tensor is looked for -> the file's, and what else there is.

    `aside` are not about text, `faults` names that mean one tensor twice.
    """

    names: dict[str, str] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def sort_tensors(
    found: Iterable[str],
    names: TensorNames,
    *,
    tied: bool,
    known_as: Callable[[str], str] = str,
) -> Sorted:
    """Which of the tensors is which. With `tied` embeddings no head is read."""
    out = Sorted()
    for name in found:
        if _NOT_TEXT.fullmatch(name):
            out.aside.append(name)
            continue
        known = known_as(name)
        if is_buffer(known) or (tied and known == names.head):
            continue
        if known in out.names:
            out.faults.append(f"{name} and {out.names[known]} are the same tensor")
        out.names[known] = name
    return out


def todays_name(name: str) -> str:
    """
    >>> todays_name("language_model.model.layers.3.input_layernorm.weight")
    'model.layers.3.input_layernorm.weight'
    >>> todays_name("language_model.lm_head.weight")
    'lm_head.weight'
    >>> todays_name("layers.3.input_layernorm.weight")
    'model.layers.3.input_layernorm.weight'
    """
    if part := _TEXT_PART.match(name):
        name = f"{part[3] or ''}{name[part.end() :]}"
    return f"model.{name}" if name.startswith(_WITHOUT_MODEL) else name


def is_buffer(name: str) -> bool:
    """Whether a tensor is no weight, but follows from the configuration."""
    return _BUFFER.fullmatch(f".{name}") is not None
