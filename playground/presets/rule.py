"""A table of tensors: which one becomes which variable, and how."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playground.presets.errors import LoadError, listed, shown

Values = NDArray[np.float32]
Shape = tuple[int, ...]
Transform = Callable[[Values], Values]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One tensor's name and shape in the file, its path here, and the change."""

    tensor: str
    shape: Shape
    path: str
    transform: Transform


def unchanged(values: Values) -> Values:
    """The transform of a tensor that is stored as it is used."""
    return values


def num_bytes(table: list[Rule]) -> int:
    """Size of all the values as they are read, in float32."""
    return sum(4 * math.prod(rule.shape) for rule in table)


def require_layers(
    key: str, num_layers: int, found: Collection[str], name: str
) -> None:
    """Raises LoadError for more layers than tensors.

    Asked before a table of rules is made for as many layers as a file claims to have
    under `key`.
    """
    if num_layers > len(found):
        raise LoadError(
            f"{name} says {key} = {num_layers}, but there are only "
            f"{len(found)} tensors. Download it again."
        )


def differences(table: list[Rule], found: Mapping[str, Shape]) -> list[str]:
    """What is missing, what nobody here knows, and which shapes are not as expected."""
    wanted = {rule.tensor: rule.shape for rule in table}
    faults = [f"{name} is missing" for name in wanted if name not in found]
    faults += [
        f"{shown(name)} is not supported" for name in found if name not in wanted
    ]
    faults += [
        f"{name} has the shape {list(found[name])}, expected {list(shape)}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    return faults


def require_fit(
    name: str, table: list[Rule], found: Mapping[str, Shape], *more: str
) -> None:
    """Compares the tensors found with the table.

    Raises one LoadError with all `differences`, and with `more` faults of the tensors.
    """
    faults = [*differences(table, found), *more]
    if faults:
        raise LoadError(
            f"The tensors of {name} do not fit its configuration:"
            + listed(faults)
            + "\nOnly plain Llama and Mistral decoders are supported."
        )


def require_finite(values: Values, tensor: str, file: str) -> None:
    """Raises LoadError for infinity and NaN, which no trained model holds."""
    if not np.isfinite(values).all():
        raise LoadError(
            f"{file} is damaged: tensor {tensor!r} has values that are no finite "
            "numbers. Download it again."
        )
