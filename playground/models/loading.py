"""From a checkpoint's files to a backbone's variables."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from playground.presets import Checkpoint, LoadError
from playground.presets.errors import listed

Report = Callable[[str, float | None], None]


def say_nothing(message: str, fraction: float | None) -> None:
    """A `Report` for whoever does not want to hear."""
    del message, fraction


@cache
def placeholder(shape: tuple[int, ...], dtype: str) -> jax.Array:
    """An initializer for variables that are about to be loaded.

    Arrays are immutable, so all variables of a shape share one: nothing is filled, and
    the weights are never in memory twice.
    """
    return jnp.zeros(shape, dtype)


def assign_weights(backbone: Any, checkpoint: Checkpoint, report: Report) -> None:
    """Assign every tensor of the checkpoint to the variable of its path.

    Raises LoadError that lists all tensors without a variable, variables without a
    tensor, and shapes that differ.
    """
    variables = {variable.path: variable for variable in backbone.variables}
    missing, faults, done = set(variables), [], 0
    for path, values in checkpoint.tensors():
        variable = variables.get(path)
        if variable is None:
            faults.append(f"{path}: the model has no such variable")
        elif tuple(variable.shape) != values.shape:
            expected = tuple(variable.shape)
            faults.append(f"{path}: expected shape {expected}, got {values.shape}")
        else:
            variable.assign(values)
        missing.discard(path)
        done += values.size * np.dtype(np.float32).itemsize
        report("Loading weights", min(1.0, done / checkpoint.num_bytes))
    faults += [f"{path}: no tensor was found for it" for path in sorted(missing)]
    placeholder.cache_clear()
    if faults:
        raise LoadError(f"{checkpoint.name} does not fit the model:{listed(faults)}")
