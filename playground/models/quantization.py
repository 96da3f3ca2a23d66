"""Weights in int8: one byte a weight, and one scale for each row of a matrix.

    row              stored            scale
    [0.5 -1.0 0.25]  [64 -127 32]      127    so that row = stored / scale

Only weights are rounded; what they are multiplied with stays as it is.
"""

import gc
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from numpy.typing import NDArray

from playground.engine.sums import summed_products

LARGEST = 127
ALMOST_ZERO = 1e-30  # its scale still fits into float32
FEW_ROWS = 8  # each has code of its own, which takes a second to compile


def quantize_rows(rows: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers in [-127, 127] for rows [o, i], and the scales [o].

    A row of nothing but (almost) zeros becomes zeros, with the scale 1.
    """
    rows = np.asarray(rows, np.float32)
    largest = np.abs(rows).max(axis=1)
    scale = LARGEST / np.where(largest > ALMOST_ZERO, largest, LARGEST)
    stored = np.rint(rows * scale[:, None]).clip(-LARGEST, LARGEST)
    return stored.astype(np.int8), scale.astype(np.float32)


def times_int8(x: jax.Array, rows: jax.Array, scale: jax.Array) -> jax.Array:
    """x [B, T, i] times the rows int8 [o, i], each divided by its scale [o]."""
    if x.shape[1] == 1 and x.shape[0] <= FEW_ROWS:
        # Multiplied while they are read; for a matrix product XLA on CPU would first
        # write out all rows as floats.
        product = summed_products(x[:, 0], rows)[:, None].astype(x.dtype)
    else:
        # One matrix after the other becomes floats: XLA has to wait for x, as it does
        # not see that this is 1. Else it would begin with all of them.
        one = jax.lax.stop_gradient(jnp.fmax(jnp.sign(x[0, 0, 0]), 1))
        product = jnp.einsum("bti,oi->bto", x, rows.astype(x.dtype) * one)
    return product / scale.astype(x.dtype)


def as_policy(dtype: Any) -> Any:
    """The dtype policy for a dtype, a policy or its name; "int8" means int8 weights."""
    if dtype == "int8":
        dtype = "int8_from_float32"
    return keras.dtype_policies.get(dtype or keras.config.dtype_policy())


def weights_dtype(dtype: Any) -> str:
    """How the weights of that dtype or policy are stored."""
    policy = as_policy(dtype)
    return str(policy.quantization_mode or policy.variable_dtype)


def as_int8(policy: Any) -> Any:
    """A policy that computes like `policy`, with int8 weights."""
    return keras.dtype_policies.get(f"int8_from_{policy.name}")


def without_int8(policy: Any) -> Any:
    """The policy that `as_int8` was given."""
    if policy.quantization_mode is None:
        return policy
    return keras.dtype_policies.get(policy.get_config()["source_name"])


class Quantizable(keras.Model):
    """A model whose large matrices can be turned into int8."""

    def quantize(self, mode: str = "int8", empty: bool = False, **kwargs: Any) -> None:
        """Store the matrices of all layers as int8: a quarter of the memory.

        The float weights are dropped, so there is no way back but to load again; norms
        stay float32. LoRA may be enabled afterwards, and learns as before. With `empty`
        the weights are not read, as they are about to be loaded.

        Raises ValueError for another mode, where weights are int8 already, and where
        LoRA is enabled.
        """
        kwargs.pop("config", None)
        if mode != "int8" or kwargs:
            unknown = f" and {', '.join(kwargs)}" if kwargs else ""
            raise ValueError(
                f"The only quantization here is `quantize('int8')`, got {mode!r}"
                f"{unknown}."
            )
        matrices = [
            layer for layer in self._flatten_layers() if hasattr(layer, "has_matrices")
        ]
        if any(layer.quantization_mode for layer in matrices):
            raise ValueError("The weights are int8 already.")
        if any(layer.lora_enabled for layer in matrices):
            raise ValueError("Call `quantize` before `enable_lora`, not after.")
        gc.freeze()  # Keras collects garbage for each weight: 0.2 s, if it looks at all
        try:
            for layer in matrices:
                layer.quantize("int8", empty=empty)
        finally:
            gc.unfreeze()
        self.train_function = self.test_function = self.predict_function = None
