"""Weights in several files, and an index that says which."""

from pathlib import Path

from playground.presets.errors import shown


def shard_fault(folder: Path, file: str, ending: str) -> str | None:
    """Shards lie in the model's own folder, whatever an index would like."""
    if Path(file).name != file or "\\" in file or not file.endswith(ending):
        return f"{shown(file)} is not the name of a shard in this folder"
    if not (folder / file).is_file():
        return f"{file} is missing; download it again"
    return None
