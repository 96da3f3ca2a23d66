"""A checkpoint from a folder in Hugging Face's layout."""

from functools import partial
from pathlib import Path
from typing import Any

from playground.presets.checkpoint import Checkpoint, Description
from playground.presets.errors import LoadError, listed
from playground.presets.huggingface.config import (
    config_from_huggingface,
    unread_keys,
)
from playground.presets.huggingface.rules import sort_tensors, todays_name
from playground.presets.huggingface.safetensors_files import (
    READABLE_TYPES,
    open_safetensors,
    read_tensors,
)
from playground.presets.huggingface.tokenizer import tokenizer_from_folder
from playground.presets.rule import num_bytes, require_layers
from playground.presets.shards import check_stored
from playground.presets.tensor_names import HUGGING_FACE, MISTRAL


def load_huggingface(folder: Path, values: dict[str, Any], name: str) -> Checkpoint:
    """Checks a folder; its weights are read later, one by one.

    Args:
        folder: Holds config.json, safetensors and a tokenizer.
        values: What its config.json holds.
        name: What to call the model.

    Raises:
        LoadError: What is wrong with it, all faults of a file at once.
    """
    config = config_from_huggingface(values, name)
    described = _described(folder, values, name, config)
    return with_weights(folder, described, "num_hidden_layers")


def describe_huggingface(
    folder: Path, values: dict[str, Any], name: str
) -> Description:
    """The same without weights, which need not be there. Raises LoadError."""
    return _described(folder, values, name, config_from_huggingface(values, name))


def with_weights(folder: Path, described: Description, layers_key: str) -> Checkpoint:
    """The model with the safetensors of its folder, by either's names for them.

    `layers_key` is what the file of sizes calls the number of layers. Raises LoadError
    for tensors that are not those of its configuration.
    """
    config, name = described.config, described.name
    stored = open_safetensors(folder)
    require_layers(layers_key, config["num_layers"], stored, name)
    is_mistrals = MISTRAL.outside[0] in stored
    names = MISTRAL if is_mistrals else HUGGING_FACE
    tensors = sort_tensors(
        stored,
        names,
        tied=config["tie_word_embeddings"],
        known_as=str if is_mistrals else todays_name,
    )
    if tensors.faults:
        raise LoadError(f"The tensors of {name}:{listed(tensors.faults)}")
    found = {known: stored[theirs] for known, theirs in tensors.names.items()}
    table = names.rules(config)
    check_stored(found, table, name, READABLE_TYPES)
    if tensors.aside:
        what = f"{len(tensors.aside)} tensors for pictures or sound are left out"
        described = described.with_note(f"Text only: {what}")
    return Checkpoint(
        **vars(described),
        tensors=partial(read_tensors, found, table, tensors.names),
        num_bytes=num_bytes(table),
    )


def _described(
    folder: Path, values: dict[str, Any], name: str, config: dict[str, Any]
) -> Description:
    unread = unread_keys(values, name)
    said = f"Keys of config.json that change nothing: {', '.join(unread)[:400]}"
    return Description(
        name=name,
        config=config,
        read_tokenizer=partial(
            tokenizer_from_folder, folder, values, config["vocabulary_size"]
        ),
        notes=(said,) if unread else (),
    )
