"""A checkpoint from a GGUF file, or from several that are one model."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from playground.presets.checkpoint import Checkpoint
from playground.presets.errors import LoadError
from playground.presets.gguf.config import config_from_metadata
from playground.presets.gguf.file import GGUFFile
from playground.presets.gguf.parts import open_parts
from playground.presets.gguf.tokenizer import tokenizer_from_metadata
from playground.presets.rule import Rule, Values, num_bytes, require_fit
from playground.presets.tensor_names import GGUF

_DIVISORS = "rope_freqs.weight"


def load_gguf(path: Path, name: str) -> Checkpoint:
    """Checks a file; its weights are read later, one by one.

    Args:
        path: Of the file, or of one of its parts.
        name: What to call the model.

    Raises:
        LoadError: What is wrong with it, all faults of a part at once.
    """
    file = open_parts(path)
    config = config_from_metadata(file)
    found = {info.name: info.shape for info in file.tensors.values()}
    if found.pop(_DIVISORS, None) is not None:
        config = _with_divisors(config, file)
    table = GGUF.rules(config)
    require_fit(file.path.name, table, found)
    return Checkpoint(
        name=name,
        config=config,
        read_tokenizer=partial(tokenizer_from_metadata, file),
        tensors=partial(_read_tensors, file, table),
        num_bytes=num_bytes(table),
    )


def _with_divisors(config: dict[str, Any], file: GGUFFile) -> dict[str, Any]:
    """What each rotary frequency is divided by lies among the tensors."""
    shape = file.tensors[_DIVISORS].shape
    if shape != (config["head_dim"] // 2,):
        raise LoadError(
            f"{file.path.name}: {_DIVISORS} has the shape {list(shape)}, expected "
            f"[{config['head_dim'] // 2}]. Convert the model again."
        )
    divisors = file.read(_DIVISORS)
    scaling = config.get("rope_scaling", {})
    if np.all(divisors == 1):
        return config
    if divisors.min() <= 0 or scaling.get("type", "default") != "default":
        raise LoadError(
            f"{file.path.name}: {_DIVISORS} must be above 0, and beside no other "
            "scaling of rope. Convert the model again."
        )
    scaling = {**scaling, "type": "divisors", "divisors": divisors.tolist()}
    return {**config, "rope_scaling": scaling}


def _read_tensors(file: GGUFFile, table: list[Rule]) -> Iterator[tuple[str, Values]]:
    """(our path, values), one after the other."""
    for rule in table:
        yield rule.path, rule.transform(file.read(rule.tensor))
