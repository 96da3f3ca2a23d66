"""`convert`: write a model as a Keras preset, which keras-hub reads too."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from playground.commands.status_line import StatusLine
from playground.presets import Checkpoint, LoadError, describe, resolve
from playground.presets.keras import (
    INDEX_FILE,
    require_mistral_tokenizer,
    write_keras_preset,
)

_DTYPES = {"float32": np.float32, "bfloat16": ml_dtypes.bfloat16}


def add_parser(commands: Any) -> None:
    """Tell argparse of this command."""
    parser = commands.add_parser(
        "convert", help="write a model as a Keras preset, which keras-hub reads too"
    )
    parser.set_defaults(run=_convert)
    add = parser.add_argument
    add(
        "source", metavar="SRC", help="what from_preset takes: a name, a path, hf://..."
    )
    add("target", metavar="DST", type=Path, help="the folder to write")
    add("--dtype", choices=_DTYPES, default="float32", help="default: %(default)s")
    add("--force", action="store_true", help="write into a folder that is not empty")


def _convert(options: argparse.Namespace) -> int:
    target: Path = options.target.expanduser().absolute()
    try:
        _check_target(target, options.source, options.force)
        checkpoint = _write(options.source, target, options.dtype)
    except OSError as error:
        raise LoadError(
            f"{str(target)!r} cannot be written: {error.strerror or error}. Nothing "
            "was left there."
        ) from error
    print(f"Wrote {options.target}")
    if lost := _not_kept(checkpoint):
        print(f"keras-hub has no form for, so not kept: {', '.join(lost)}")
    return 0


def _check_target(target: Path, source: str, force: bool) -> None:
    if Path(source).expanduser().resolve() == target.resolve():
        raise ValueError("SRC and DST are the same folder. Give another DST.")
    if target.exists() and not target.is_dir():
        raise ValueError(f"{str(target)!r} is a file. Give the name of a folder.")
    if not force and target.is_dir() and any(target.iterdir()):
        raise ValueError(
            f"{str(target)!r} is not empty. Give another folder, or --force to replace "
            "an older preset in it."
        )


def _write(source: str, target: Path, dtype: str) -> Checkpoint:
    """Writes beside the target, and moves it there when it is whole."""
    status = StatusLine()
    try:
        # A tokenizer that cannot be written is refused before weights are fetched.
        require_mistral_tokenizer(describe(source, status.show).tokenizer)
        checkpoint = resolve(source, status.show)
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as part:
            write_keras_preset(
                Path(part),
                checkpoint.config,
                _values(checkpoint, dtype, status),
                checkpoint.tokenizer,
                **checkpoint.preprocessor,
            )
            _move(Path(part), target)
        return checkpoint
    finally:
        status.show("")


def _values(
    checkpoint: Checkpoint, dtype: str, status: StatusLine
) -> Iterator[tuple[str, NDArray[Any]]]:
    done = 0
    for path, values in checkpoint.tensors():
        yield path, values.astype(_DTYPES[dtype], copy=False)
        done += values.nbytes
        status.show(f"Writing {checkpoint.name}", min(1.0, done / checkpoint.num_bytes))


def _move(part: Path, target: Path) -> None:
    """Files of an older preset are replaced; what else is there stays."""
    (target / INDEX_FILE).unlink(missing_ok=True)
    for file in [path for path in part.rglob("*") if path.is_file()]:
        place = target / file.relative_to(part)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, place)


def _not_kept(checkpoint: Checkpoint) -> list[str]:
    tokenizer, config = checkpoint.tokenizer, checkpoint.config
    parts = {
        "the chat template": tokenizer.chat_template,
        "stop tokens beside the end token": len(tokenizer.stop_token_ids) > 1,
        "the context length": config.get("context_length"),
        "the tied vocabulary head (it is a copy now)": config["tie_word_embeddings"],
    }
    return [part for part, is_there in parts.items() if is_there]
