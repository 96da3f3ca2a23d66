"""What stored texts were written with, so that a test sees when a default changed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playground.presets import PRESETS
from playground.presets.catalog import WheelMember, folder_of
from playground.session import fastest_dtype
from playground.settings import GenerationSettings


def written_with(preset: str) -> dict[str, Any]:
    """What decides a text beside what is asked for: weights, dtype, and every default.

    Plain values, to be stored beside the text and compared with those of today.
    """
    return {
        "preset": preset,
        "weights_sha256": _weights_sha256(preset),
        "dtype": fastest_dtype(),
        "settings": GenerationSettings().to_json(),
    }


def changed_since(stored: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs from `written_with` as it was stored: name -> (then, now).

    A setting that did not exist then is no difference: as in a saved run, its default
    stands for what was done without it. Raises KeyError for an unknown preset.
    """
    now = _flat(written_with(stored["preset"]))
    return {
        name: (then, now.get(name))
        for name, then in _flat(stored).items()
        if name not in now or now[name] != then
    }


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, **values["settings"], "settings": None}


def _weights_sha256(preset: str) -> str:
    """Of a preset whose files are pinned, or come along."""
    source = PRESETS[preset].source
    if isinstance(source, WheelMember):
        return source.sha256
    if not isinstance(source, Path):
        raise ValueError(f"The weights of {preset!r} have no checksum to compare.")
    with (folder_of(source) / "model.weights.h5").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
