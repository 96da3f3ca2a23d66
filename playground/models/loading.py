"""From a checkpoint's files to a backbone's variables."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding

from playground.engine.sharding import distribute
from playground.models.quantization import quantize_rows
from playground.presets import Checkpoint, LoadError
from playground.presets.errors import listed
from playground.system.progress import Progress


def placeholder(
    shape: tuple[int, ...], dtype: str, layout: NamedSharding | None = None
) -> jax.Array:
    """An initializer for variables that are about to be loaded.

    Arrays are immutable, so all variables of a shape share one: nothing is filled, and
    the weights are never in memory twice. Over several devices Keras gives a `layout`;
    there each variable has its own zeros, and each device a part of them.
    """
    if layout is None:
        return _shared_zeros(shape, dtype)
    return jnp.zeros(shape, dtype, out_sharding=layout)


@cache
def _shared_zeros(shape: tuple[int, ...], dtype: str) -> jax.Array:
    return jnp.zeros(shape, dtype)


def _assign(variable: Any, values: np.ndarray) -> None:
    """Each device is sent its part; no device holds the whole, not for a moment."""
    sharding = variable.value.sharding
    if isinstance(sharding, NamedSharding):
        variable.assign(distribute(values, sharding, variable.dtype))
    else:
        variable.assign(values)


def _stored_as(
    path: str, values: np.ndarray, variables: Mapping[str, Any]
) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of the variables that hold a tensor: one, or int8 rows and scales."""
    if path not in variables or variables[path].dtype != "int8":
        yield path, values
        return
    # In files the vocabulary head lies [hidden_dim, vocabulary].
    rows = values.T if path.endswith("reverse_embeddings") else values
    stored, scale = quantize_rows(rows)
    yield path, stored
    yield f"{path}_scale", scale.reshape(variables[f"{path}_scale"].shape)


def _assign_checked(path: str, values: np.ndarray, variable: Any) -> Iterator[str]:
    """Assign; what is wrong with it otherwise."""
    if variable is None:
        yield f"{path}: the model has no such variable"
    elif tuple(variable.shape) != values.shape:
        expected = tuple(variable.shape)
        yield f"{path}: expected shape {expected}, got {values.shape}"
    else:
        _assign(variable, values)


def assign_weights(backbone: Any, checkpoint: Checkpoint, report: Progress) -> None:
    """Assign every tensor of the checkpoint to the variable of its path.

    Raises LoadError that lists all tensors without a variable, variables without a
    tensor, and shapes that differ.
    """
    _shared_zeros.cache_clear()
    variables = {variable.path: variable for variable in backbone.variables}
    missing, done = set(variables), 0
    faults: list[str] = []
    for tensor, values in checkpoint.tensors():
        for path, part in _stored_as(tensor, values, variables):
            faults += _assign_checked(path, part, variables.get(path))
            missing.discard(path)
        done += values.size * np.dtype(np.float32).itemsize
        report("Loading weights", min(1.0, done / checkpoint.num_bytes))
    faults += [f"{path}: no tensor was found for it" for path in sorted(missing)]
    if faults:
        raise LoadError(f"{checkpoint.name} does not fit the model:{listed(faults)}")
