"""Writes presets that keras-hub reads; the layout is described in `folder`."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import ml_dtypes
from numpy.typing import NDArray

from playground.presets.errors import listed
from playground.presets.keras import names
from playground.presets.rule import Rule
from playground.presets.variables import num_parameters, variables
from playground.tokenizers import MistralTokenizer, Tokenizer

Variables = Iterable[tuple[str, NDArray[Any]]]
_MODULES = "keras_hub.src.models.mistral"
_EMBEDDINGS = "token_embedding/embeddings"
_HEAD = "token_embedding/reverse_embeddings"


def write_keras_preset(
    folder: Path,
    config: Mapping[str, Any],
    values: Variables,
    tokenizer: Tokenizer,
    *,
    sequence_length: int = 1024,
    add_start_token: bool | None = None,
    add_end_token: bool = True,
) -> None:
    """Writes a preset into a folder, which is made if need be.

    Arrays are taken and written one by one. keras-hub has no tied embeddings, so the
    head is then written as a copy: the same model, but no longer tied. It has no word
    for the context length either, which is not written.

    Args:
        folder: Where to; files of an older preset there are replaced.
        config: Arguments of this project's `MistralBackbone`.
        values: (Path, array) of each variable, in any order: float32 or bfloat16.
        tokenizer: A SentencePiece one.
        sequence_length, add_start_token, add_end_token: Arguments of
            `MistralCausalLMPreprocessor`.

    Raises:
        ValueError: A tokenizer that keras-hub's Mistral cannot have, or variables that
            are not those of the configuration. Nothing is left behind then.
        OSError: The folder cannot be written.
    """
    proto = require_mistral_tokenizer(tokenizer).proto
    dtype = write_keras_backbone(folder, config, values)
    vocabulary = folder / names.VOCABULARY_FILE
    vocabulary.parent.mkdir(parents=True, exist_ok=True)
    vocabulary.write_bytes(proto)
    if add_start_token is None:
        add_start_token = tokenizer.add_start_token
    preprocessing = {
        "sequence_length": sequence_length,
        "add_start_token": add_start_token,
        "add_end_token": add_end_token,
    }
    _write_files(folder, _files(_with_head_dim(config), preprocessing, dtype))


def write_keras_backbone(
    folder: Path, config: Mapping[str, Any], values: Variables
) -> str:
    """Writes a preset without a tokenizer; gives the type of its arrays.

    It is all that keras-hub's `MistralBackbone.from_preset` reads. Arguments and errors
    as in `write_keras_preset`.
    """
    lacking = [key for key in ("rope_scaling", "layer_windows") if config.get(key)]
    if lacking:
        raise ValueError(
            f"keras-hub's Mistral has no {' and no '.join(lacking)}, and this model "
            "would say something else without. Keep it as `model.save` writes it."
        )
    config = _with_head_dim(config)
    weights = folder / names.WEIGHTS_FILE
    part = weights.with_suffix(".part")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        dtype = _write_weights(part, config, values)
        os.replace(part, weights)
    finally:
        part.unlink(missing_ok=True)
    (folder / names.INDEX_FILE).unlink(missing_ok=True)
    _write_files(
        folder,
        {
            names.CONFIG_FILE: _object(
                "backbone", "MistralBackbone", dtype, _backbone(config)
            ),
            names.METADATA_FILE: _metadata(config, tasks=[]),
        },
    )
    return dtype


def _with_head_dim(config: Mapping[str, Any]) -> dict[str, Any]:
    size = config.get("head_dim") or config["hidden_dim"] // config["num_query_heads"]
    return {**config, "head_dim": size}


def _write_files(folder: Path, files: Mapping[str, Any]) -> None:
    for file, content in files.items():
        (folder / file).write_text(json.dumps(content, indent=4) + "\n")


def require_mistral_tokenizer(tokenizer: Tokenizer) -> MistralTokenizer:
    """The tokenizer, if keras-hub's Mistral can have it. Raises ValueError."""
    if not isinstance(tokenizer, MistralTokenizer):
        raise ValueError(
            f"A keras-hub preset needs a SentencePiece tokenizer, and this model has a "
            f"{type(tokenizer).__name__}. Its weights could be written, but nobody "
            "could read text with them."
        )
    ends = [tokenizer.start_token_id, tokenizer.end_token_id]
    if ends != [tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")]:
        raise ValueError(
            "keras-hub's Mistral tokenizer starts and ends a text with '<s>' and "
            "'</s>', and this one has other tokens."
        )
    return tokenizer


def _write_weights(file: Path, config: dict[str, Any], values: Variables) -> str:
    """Writes all arrays; gives their type."""
    left = {rule.path: rule for rule in names.rules(config)}
    shapes = variables({**config, "tie_word_embeddings": False})
    faults, types = [], set()
    with h5py.File(file, "w") as stored:
        for path, array in _untied(values, config):
            if path not in left:
                faults.append(f"{path} has no place in it")
            elif array.shape != shapes[path]:
                faults.append(f"{path} is {array.shape}, expected {shapes[path]}")
            else:
                _write(stored, left.pop(path), array)
                types.add(str(array.dtype))
    faults += [f"{path} is missing" for path in left]
    if len(types) > 1 or not types <= {"float32", "bfloat16", "float16"}:
        faults.append(f"variables must all be of one float type, got {sorted(types)}")
    if faults:
        raise ValueError(f"The variables do not fit the config:{listed(faults)}")
    return types.pop()


def _untied(values: Variables, config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path, array in values:
        yield path, array
        if path == _EMBEDDINGS and config["tie_word_embeddings"]:
            yield _HEAD, array.T


def _write(stored: h5py.File, rule: Rule, values: NDArray[Any]) -> None:
    data = stored.create_dataset(rule.tensor, data=names.to_theirs(rule, values))
    if values.dtype == ml_dtypes.bfloat16:
        data.attrs["dtype"] = "bfloat16"  # HDF5 knows only that it has two bytes


def _files(
    config: dict[str, Any], preprocessing: dict[str, Any], dtype: str
) -> dict[str, dict[str, Any]]:
    """The JSON files, as keras-hub writes them."""
    backbone = _object("backbone", "MistralBackbone", dtype, _backbone(config))
    vocabulary = _object(
        "tokenizer",
        "MistralTokenizer",
        "int32",
        {
            "config_file": names.TOKENIZER_FILE,
            "proto": None,
            "sequence_length": None,
            "add_bos": False,
            "add_eos": False,
        },
    )
    preprocessor = _object(
        "causal_lm_preprocessor",
        "MistralCausalLMPreprocessor",
        "float32",
        {
            "tokenizer": vocabulary,
            "config_file": names.PREPROCESSOR_FILE,
            **preprocessing,
        },
    )
    task = {"backbone": backbone, "preprocessor": preprocessor}
    return {
        names.CONFIG_FILE: backbone,
        names.TOKENIZER_FILE: vocabulary,
        names.PREPROCESSOR_FILE: preprocessor,
        names.TASK_FILE: _object("causal_lm", "MistralCausalLM", None, task),
        names.METADATA_FILE: _metadata(config, tasks=["CausalLM"]),
    }


def _metadata(config: Mapping[str, Any], tasks: list[str]) -> dict[str, Any]:
    return {
        "keras_version": version("keras"),
        "parameter_count": num_parameters({**config, "tie_word_embeddings": False}),
        "date_saved": datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "tasks": tasks,
    }


def _backbone(config: Mapping[str, Any]) -> dict[str, Any]:
    """An ordinary size of heads is left out, as older versions do not know the key."""
    arguments = {key: config.get(key, 0) for key in names.BACKBONE_KEYS}  # no dropout
    if config["head_dim"] == config["hidden_dim"] // config["num_query_heads"]:
        del arguments["head_dim"]
    return arguments


def _object(
    module: str, class_name: str, dtype: str | None, arguments: dict[str, Any]
) -> dict[str, Any]:
    """A serialized Keras object."""
    common: dict[str, Any] = {"name": f"mistral_{module}"}
    if dtype is not None:
        common |= {"trainable": True, "dtype": _policy(dtype)}
    return {
        "module": f"{_MODULES}.mistral_{module}",
        "class_name": class_name,
        "config": common | arguments,
        "registered_name": f"keras_hub>{class_name}",
    }


def _policy(dtype: str) -> dict[str, Any]:
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": dtype},
        "registered_name": None,
    }
