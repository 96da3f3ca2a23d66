"""Reads model.weights.h5, or shards of it. Arrays come one by one.

HDF5 can link to other files and make arrays out of nothing, so each array must be
plain data in the file itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import ml_dtypes
import numpy as np

from playground.presets.errors import LoadError, listed, shown
from playground.presets.keras.names import INDEX_FILE, WEIGHTS_FILE
from playground.presets.rule import Rule, Values, require_finite
from playground.presets.shards import Stored, read_weight_map, shard_names

READABLE_TYPES = ("float32", "float16", "bfloat16")


def open_weights(folder: Path) -> dict[str, Stored]:
    """Path -> array, over all files of a preset's weights; no values are read.

    Raises:
        LoadError: No such files, damaged ones, links to elsewhere; all of it at once.
    """
    found: dict[str, Stored] = {}
    faults = []
    for file in _files(folder):
        arrays, links = _arrays(file)
        faults += [
            f"{shown(path)} in {file.name} is a link or not stored" for path in links
        ]
        for path, info in arrays.items():
            if path in found:
                faults.append(f"{shown(path)} is in {found[path].file.name} too")
            found[path] = info
    if faults:
        raise LoadError(f"The weights in {str(folder)!r} are damaged:{listed(faults)}")
    return found


def _files(folder: Path) -> list[Path]:
    if (folder / WEIGHTS_FILE).is_file():
        return [folder / WEIGHTS_FILE]
    if not (folder / INDEX_FILE).is_file():
        raise LoadError(
            f"{str(folder)!r} has no weights: neither {WEIGHTS_FILE} nor {INDEX_FILE}. "
            "Save or download the preset again, with its weights."
        )
    return [folder / name for name in shards_in_index(folder)]


def shards_in_index(folder: Path, *, must_exist: bool = True) -> list[str]:
    """The names of the files in a preset's index. Raises LoadError."""
    places = read_weight_map(folder, INDEX_FILE).values()
    # A variable's file, or a list of them.
    files = [name for at in places for name in (at if isinstance(at, list) else [at])]
    return shard_names(folder, INDEX_FILE, files, ".weights.h5", must_exist=must_exist)


def _arrays(file: Path) -> tuple[dict[str, Stored], list[str]]:
    """The arrays, and whatever leads out of the file or is computed."""
    arrays: dict[str, Stored] = {}
    links: list[str] = []

    def link(path: str, found: object) -> None:
        if not isinstance(found, h5py.HardLink):
            links.append(path)

    def node(path: str, found: object) -> None:
        if not isinstance(found, h5py.Dataset):
            return
        if found.external or found.is_virtual or not _is_whole(found):
            links.append(path)
        arrays[path] = Stored(file=file, shape=found.shape, type=_type(found))

    with _opened(file) as stored:
        stored.visititems_links(link)
        stored.visititems(node)
    return arrays, links


def _is_whole(array: h5py.Dataset) -> bool:
    """Whether all of it lies in the file: HDF5 fills what was never written."""
    return bool(array.id.get_storage_size() == array.size * array.dtype.itemsize)


def _type(array: h5py.Dataset) -> str:
    """Keras stores bfloat16 as two bytes and a note."""
    if array.dtype == np.dtype("V2") and array.attrs.get("dtype") == "bfloat16":
        return "bfloat16"
    return str(array.dtype)


@contextmanager
def _opened(file: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(file, "r") as stored:
            yield stored
    except Exception as error:  # of a damaged file h5py raises SystemError too
        raise LoadError(
            f"{file.name} is no whole HDF5 file of a Keras model ({error}). Save or "
            "download it again."
        ) from error


def read_arrays(
    found: dict[str, Stored], table: list[Rule]
) -> Iterator[tuple[str, Values]]:
    """(our path, values), one after the other; a file is opened for each."""
    for rule in table:
        info = found[rule.tensor]
        with _opened(info.file) as stored:
            array = stored[rule.tensor]
            if array.shape != info.shape or _type(array) != info.type:
                raise ValueError("it changed while it was loading")
            raw = array[...]
        if info.type == "bfloat16":
            raw = raw.view(ml_dtypes.bfloat16)
        values = raw.astype(np.float32, copy=False)
        require_finite(values, rule.tensor, info.file.name)
        yield rule.path, rule.transform(values)
