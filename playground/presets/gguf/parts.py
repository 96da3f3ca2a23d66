"""A model in several GGUF files, as llama.cpp's gguf-split cuts it.

    model-00001-of-00003.gguf    all the metadata, and maybe tensors
    model-00002-of-00003.gguf    tensors
    model-00003-of-00003.gguf

Each says which it is (split.no, from 0) and how many there are (split.count).
"""

import re
from dataclasses import replace
from pathlib import Path

from playground.presets.errors import LoadError, listed, shown
from playground.presets.gguf.file import GGUFFile, TensorInfo, open_gguf

_NAME = re.compile(r"(.*)-(\d{5})-of-(\d{5})(\.gguf)?", re.DOTALL)
_MOST_PARTS = 10_000


def open_parts(path: Path) -> GGUFFile:
    """The whole model, which any of its parts names.

    Raises:
        LoadError: A part that is missing, or is another model's; as in `open_gguf`.
    """
    asked = open_gguf(path)
    count = asked.metadata.get("split.count", 0)
    if not isinstance(count, int) or count < 2:
        return asked
    if count > _MOST_PARTS:
        raise LoadError(f"{path.name} says that it is one of {count} parts.")
    opened = [
        asked if part == path else open_gguf(part) for part in _paths(path, count)
    ]
    faults = [
        f"{part.path.name} says that it is part {shown(part.metadata.get('split.no'))} "
        f"of {shown(part.metadata.get('split.count'))}, counted from 0"
        for number, part in enumerate(opened)
        if (part.metadata.get("split.no"), part.metadata.get("split.count"))
        != (number, count)
    ]
    tensors: dict[str, TensorInfo] = {}
    for part in opened:
        faults += [
            f"{shown(name)} is in {tensors[name].file.name} and {part.path.name}"
            for name in part.tensors
            if name in tensors
        ]
        tensors |= part.tensors
    said = opened[0].metadata.get("split.tensors.count", len(tensors))
    if said != len(tensors):
        faults.append(f"there should be {shown(said)} tensors, and are {len(tensors)}")
    if faults:
        raise LoadError(
            f"The parts of {path.name} do not fit together:{listed(faults)}"
        )
    metadata = {**opened[0].metadata, "split.count": 1}
    return replace(opened[0], metadata=metadata, tensors=tensors)


def _paths(path: Path, count: int) -> list[Path]:
    named = _NAME.fullmatch(path.name)
    if named is None or int(named[3]) != count:
        raise LoadError(
            f"{path.name} is one of {count} parts of a model. Put all of them into one "
            f"folder, named as they were: ...-00001-of-{count:05}.gguf."
        )
    ending = named[4] or ""
    paths = [
        path.with_name(f"{named[1]}-{number:05}-of-{count:05}{ending}")
        for number in range(1, count + 1)
    ]
    missing = [part.name for part in paths if not part.is_file()]
    if missing:
        raise LoadError(
            f"{path.name} is one of {count} parts of a model, and these are not beside "
            f"it:{listed(missing)}\nDownload them into the same folder."
        )
    return paths
