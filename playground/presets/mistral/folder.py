"""A checkpoint from a folder in Mistral's own layout:

params.json                      the sizes
consolidated.safetensors         the weights, or shards of them with an index
tokenizer.model.v3, tekken.json  the vocabulary, in one of the two
"""

from functools import partial
from pathlib import Path
from typing import Any

from playground.presets.checkpoint import Checkpoint, Description
from playground.presets.huggingface.folder import with_weights
from playground.presets.huggingface.tokenizer import tokenizer_from_folder
from playground.presets.mistral.params import config_from_params, unread_keys

PARAMS_FILE = "params.json"


def load_mistral(folder: Path, values: dict[str, Any], name: str) -> Checkpoint:
    """Checks a folder, given its params.json; its weights are read later.

    Raises:
        LoadError: What is wrong with it, all faults of a file at once.
    """
    return with_weights(folder, describe_mistral(folder, values, name), "n_layers")


def describe_mistral(folder: Path, values: dict[str, Any], name: str) -> Description:
    """The same without weights, which need not be there. Raises LoadError."""
    config = config_from_params(values, name)
    unread = unread_keys(values)
    said = f"Keys of {PARAMS_FILE} that change nothing: {', '.join(unread)[:400]}"
    return Description(
        name=name,
        config=config,
        read_tokenizer=partial(
            tokenizer_from_folder, folder, {}, config["vocabulary_size"]
        ),
        notes=(said,) if unread else (),
    )
