"""Reads safetensors: one file, or shards with an index. Tensors come one by one.

The `safetensors` package checks each file's header: its length, and that the tensors
fill the file exactly. Here the shards and their index are compared.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from playground.presets.errors import LoadError, listed, shown
from playground.presets.huggingface.rules import is_buffer
from playground.presets.rule import Rule, Values, require_finite
from playground.presets.shards import Stored, read_weight_map, shard_names

# Hugging Face's name for the weights, and Mistral's own; each may have an index.
WEIGHTS, MISTRALS_WEIGHTS = "model.safetensors", "consolidated.safetensors"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
READABLE_TYPES = ("F32", "F16", "BF16", "F64")


def open_safetensors(folder: Path) -> dict[str, Stored]:
    """Name -> tensor, over all files of a folder's model; no values are read.

    Raises:
        LoadError: No such files, a shard that is missing or lies elsewhere, a tensor
            twice or in another shard than the index says; all of it at once.
    """
    for weights in (WEIGHTS, MISTRALS_WEIGHTS):
        if (folder / weights).is_file():
            return _tensors(folder / weights)
        if (folder / (index := f"{weights}.index.json")).is_file():
            return _sharded(folder, index)
    raise LoadError(_no_weights(folder))


def _no_weights(folder: Path) -> str:
    pickles = sorted(path.name for kind in PICKLES for path in folder.glob(kind))
    if not pickles:
        return (
            f"{str(folder)!r} has no weights: neither {WEIGHTS} nor "
            f"{WEIGHTS}.index.json. Download it again, with those files."
        )
    return (
        f"{str(folder)!r} has its weights only as {shown(', '.join(pickles))}. Such "
        "files are pickles: opening one runs whatever program it holds, so they are "
        f"never opened here. Get the model as {WEIGHTS}, or convert it on a machine "
        "that may be lost."
    )


def _sharded(folder: Path, index: str) -> dict[str, Stored]:
    places = read_weight_map(folder, index)
    # Rotary frequencies may be in the index alone: they are not read.
    places = {
        name: file
        for name, file in places.items()
        if not (is_buffer(name) and not (folder / str(file)).is_file())
    }
    files = shard_names(folder, index, places.values(), ".safetensors")
    faults: list[str] = []
    found: dict[str, Stored] = {}
    for file in files:
        for name, info in _tensors(folder / file).items():
            if name in found:
                faults.append(f"{shown(name)} is in {found[name].file.name} and {file}")
            found[name] = info
    faults += [
        f"{shown(name)} should be in {file}"
        for name, file in places.items()
        if (name not in found and not is_buffer(name))
        or (name in found and found[name].file.name != file)
    ]
    faults += [
        f"{shown(name)} is in {info.file.name}, which the index does not say"
        for name, info in found.items()
        if name not in places
    ]
    if faults:
        raise LoadError(f"{index} does not fit the shards:{listed(faults)}")
    return found


def _tensors(file: Path) -> dict[str, Stored]:
    with _opened(file) as tensors:
        # An open file is no mapping: it has keys, and cannot be walked through.
        views = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
        return {
            name: Stored(
                file=file, shape=tuple(view.get_shape()), type=view.get_dtype()
            )
            for name, view in views.items()
        }


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    try:
        with safe_open(file, framework="numpy") as tensors:
            yield tensors
    except (SafetensorError, OSError, ValueError) as error:
        raise LoadError(
            f"{file.name} is no whole safetensors file ({error}). Download it again."
        ) from error


def read_tensors(
    found: dict[str, Stored], table: list[Rule], names: Mapping[str, str]
) -> Iterator[tuple[str, Values]]:
    """(our path, values), one after the other; a file is opened for each.

    `names` are the tensors' in the files.
    """
    for rule in table:
        info = found[rule.tensor]
        with _opened(info.file) as tensors:
            stored = tensors.get_tensor(names[rule.tensor])
        if stored.shape != info.shape:
            raise LoadError(
                f"{info.file.name}: the file changed while it was loading (tensor "
                f"{rule.tensor!r} has another shape). Load it again."
            )
        # bfloat16 is the upper half of float32, so no bit is lost.
        with np.errstate(over="ignore"):  # of float64: it is not finite then
            values = stored.astype(np.float32, copy=False)
        require_finite(values, rule.tensor, info.file.name)
        yield rule.path, rule.transform(values)
