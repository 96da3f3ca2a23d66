"""A checkpoint from a GGUF file."""

from functools import partial
from pathlib import Path

from playground.presets.checkpoint import Checkpoint
from playground.presets.gguf.config import config_from_metadata
from playground.presets.gguf.file import open_gguf
from playground.presets.gguf.rules import check_tensors, read_tensors, rules
from playground.presets.gguf.tokenizer import tokenizer_from_metadata
from playground.presets.rule import num_bytes


def load_gguf(path: Path, name: str) -> Checkpoint:
    """Checks a file; its weights are read later, one by one.

    Args:
        path: Of the file.
        name: What to call the model.

    Raises:
        LoadError: What is wrong with it, all faults of a part at once.
    """
    file = open_gguf(path)
    config = config_from_metadata(file)
    table = rules(config)
    check_tensors(file, table)
    return Checkpoint(
        name=name,
        config=config,
        tokenizer=tokenizer_from_metadata(file),
        tensors=partial(read_tensors, file, table),
        num_bytes=num_bytes(table),
    )
