"""Finds a preset for a model, and refuses one that memory has no room for."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from playground.models.layout_map import local_share
from playground.models.quantization import weights_dtype
from playground.presets import Description, describe, resolve
from playground.presets.memory import require_memory
from playground.system.progress import Progress


def find_preset(
    preset: str, load_weights: bool, report: Progress, dtype: Any
) -> Description:
    """The preset's checkpoint, or without weights its description.

    Raises LoadError; a model too large for memory is refused before its weights are
    downloaded.
    """
    if not load_weights:
        return describe(preset, report)
    return resolve(preset, report, partial(check_memory, dtype=dtype))


def check_memory(name: str, config: Mapping[str, Any], dtype: Any) -> None:
    """Raises LoadError if weights of this dtype or policy do not fit into memory."""
    share = local_share(dict(config))
    require_memory(name, config, weights_dtype(dtype), share)
