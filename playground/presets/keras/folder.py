"""A checkpoint from a preset in keras-hub's layout:

config.json                      the backbone's class and arguments
model.weights.h5                 its weights; large ones may lie in shards
task.json, preprocessor.json     the other classes and their arguments
tokenizer.json, assets/tokenizer/vocabulary.spm
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from playground.presets.checked import Checked, head_faults
from playground.presets.checkpoint import Checkpoint, Description
from playground.presets.errors import LoadError, listed, shown
from playground.presets.json_file import (
    read_json,
    read_optional_json,
    read_small_file,
)
from playground.presets.keras import names
from playground.presets.keras.weights import (
    READABLE_TYPES,
    open_weights,
    read_arrays,
)
from playground.presets.rule import num_bytes, require_layers
from playground.presets.shards import check_stored
from playground.presets.vocabulary import extended_proto
from playground.tokenizers import MistralTokenizer, Tokenizer

_HARMLESS = ("name", "trainable")
_FLOATS = ("float32", "bfloat16", "float16", "mixed_bfloat16", "mixed_float16")
_OFF = (None, False)


def is_keras_preset(values: Mapping[str, Any]) -> bool:
    """Whether a config.json is Keras's: a class and its arguments."""
    return "registered_name" in values or "class_name" in values


def load_keras_preset(folder: Path, values: dict[str, Any], name: str) -> Checkpoint:
    """Checks a folder; its weights are read later, one by one.

    Args:
        folder: Holds the files above.
        values: What its config.json holds.
        name: What to call the model.

    Raises:
        LoadError: What is wrong with it, all faults of a file at once.
    """
    config = config_from_keras(values, name)
    found = open_weights(folder)
    require_layers("num_layers", config["num_layers"], found, name)
    table = names.rules(config)
    check_stored(found, table, name, READABLE_TYPES)
    return Checkpoint(
        **vars(_described(folder, name, config)),
        tensors=partial(read_arrays, found, table),
        num_bytes=num_bytes(table),
    )


def describe_keras_preset(
    folder: Path, values: dict[str, Any], name: str
) -> Description:
    """The same without weights, which need not be there. Raises LoadError."""
    return _described(folder, name, config_from_keras(values, name))


def _described(folder: Path, name: str, config: dict[str, Any]) -> Description:
    preprocessor = _preprocessor(folder)
    adds_start_token = preprocessor.get("add_start_token") is not False
    return Description(
        name=name,
        config=config,
        read_tokenizer=partial(
            _tokenizer, folder, config["vocabulary_size"], adds_start_token
        ),
        preprocessor=preprocessor,
    )


def _arguments(values: Mapping[str, Any], class_name: str, file: str) -> dict[str, Any]:
    """The arguments of the one class that a file may hold."""
    registered = (f"keras_hub>{class_name}", f"keras_nlp>{class_name}")
    found, arguments = values.get("registered_name"), values.get("config")
    if found not in registered or not isinstance(arguments, dict):
        raise LoadError(
            f"{file} holds {shown(found)}, expected {registered[0]} and its config. "
            "Of keras-hub's models only Mistral can be run here."
        )
    return arguments


def config_from_keras(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Our arguments of `MistralBackbone`. Raises LoadError with all faults."""
    arguments = _arguments(values, "MistralBackbone", names.CONFIG_FILE)
    found = Checked(values=arguments)
    for key, value in arguments.items():
        if key not in (*names.BACKBONE_KEYS, *_HARMLESS, "dtype"):
            found.faults.append(f"{shown(key)} = {shown(value)} is not supported")
    _check_dtype(arguments.get("dtype"), found.faults)
    num_query_heads, hidden_dim = (
        found.whole("num_query_heads"),
        found.whole("hidden_dim"),
    )
    num_key_value_heads = found.whole("num_key_value_heads")
    head_dim = found.whole("head_dim", hidden_dim // num_query_heads)
    found.faults.extend(head_faults(num_query_heads, num_key_value_heads, head_dim))
    config = {
        "vocabulary_size": found.whole("vocabulary_size"),
        "num_layers": found.whole("num_layers"),
        "num_query_heads": num_query_heads,
        "num_key_value_heads": num_key_value_heads,
        "hidden_dim": hidden_dim,
        "head_dim": head_dim,
        "intermediate_dim": found.whole("intermediate_dim"),
        "rope_max_wavelength": found.positive("rope_max_wavelength", 10_000),
        "rope_scaling_factor": found.positive("rope_scaling_factor", 1.0),
        "layer_norm_epsilon": found.positive("layer_norm_epsilon", 1e-6),
        "sliding_window": _sliding_window(found),
        "dropout": _dropout(found),
        "context_length": None,
        "tie_word_embeddings": False,
    }
    if found.faults:
        raise LoadError(
            f"{name} is not a model that can be run here. In {names.CONFIG_FILE}:"
            + listed(found.faults)
        )
    return config


def _check_dtype(dtype: Any, faults: list[str]) -> None:
    """Any float will do, as each array says itself how it is stored."""
    policy = dtype.get("config") if isinstance(dtype, dict) else {"name": dtype}
    name = policy.get("name") if isinstance(policy, dict) else policy
    if dtype is not None and name not in _FLOATS:
        faults.append(f"dtype = {shown(dtype)} is not supported; floats are")


def _sliding_window(found: Checked) -> int | None:
    """Absent means keras-hub's default, null that all tokens are seen."""
    if "sliding_window" in found.values and found.get("sliding_window") is None:
        return None
    return found.whole("sliding_window", 512)


def _dropout(found: Checked) -> float:
    dropout = found.get("dropout", 0)
    if type(dropout) not in (int, float) or not 0 <= dropout < 1:
        found.faults.append(f"dropout must be in [0, 1), got {shown(dropout)}")
        return 0.0
    return float(dropout)


def _preprocessor(folder: Path) -> dict[str, Any]:
    """What preprocessor.json, if there is one, says of the arguments known here."""
    arguments = read_optional_json(folder / names.PREPROCESSOR_FILE).get("config")
    if not isinstance(arguments, dict):
        return {}
    found = Checked(values=arguments)
    known = {
        key: arguments[key]
        for key in names.PREPROCESSOR_KEYS
        if arguments.get(key) is not None
    }
    if "sequence_length" in known:
        found.whole("sequence_length")
    found.faults.extend(
        f"{key} must be true or false, got {shown(value)}"
        for key, value in known.items()
        if key != "sequence_length" and not isinstance(value, bool)
    )
    if found.faults:
        raise LoadError(f"In {names.PREPROCESSOR_FILE}:{listed(found.faults)}")
    return known


def _tokenizer(folder: Path, vocabulary_size: int, adds_start_token: bool) -> Tokenizer:
    file = names.TOKENIZER_FILE
    arguments = _arguments(read_json(folder / file), "MistralTokenizer", file)
    faults = [
        f"{key} = {shown(arguments[key])} is not supported"
        for key in ("add_bos", "add_eos", "sequence_length", "proto")
        if arguments.get(key) not in _OFF
    ]
    if faults:
        raise LoadError(f"In {file}:{listed(faults)}")
    proto = read_small_file(folder / names.VOCABULARY_FILE)
    try:
        proto, _ = extended_proto(proto, [], vocabulary_size)
        return MistralTokenizer(proto, add_start_token=adds_start_token)
    except ValueError as error:
        raise LoadError(
            f"{names.VOCABULARY_FILE} in {str(folder)!r} cannot be used: {error}"
        ) from error
