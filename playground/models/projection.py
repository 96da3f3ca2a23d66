"""A dense layer without bias, whose kernel may be int8."""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from playground.models.quantization import as_int8, quantize_rows, times_int8

_LORA = ("lora_kernel_a", "lora_kernel_b")


def times_rows(x: jax.Array, rows: jax.Array) -> jax.Array:
    """x [B, T, i] times the rows [o, i] of a matrix: [B, T, o]."""
    size, (output_dim, input_dim) = x.shape[0], rows.shape
    if x.shape[1] != 1 or size == 1 or output_dim % 4:
        return jnp.einsum("bti,oi->bto", x, rows)
    parts = rows.reshape(4, output_dim // 4, input_dim)
    product = jnp.einsum("bi,noi->nbo", x[:, 0], parts)
    return product.transpose(1, 0, 2).reshape(size, 1, output_dim)


class Projection(keras.layers.EinsumDense):
    """x [B, T, i] -> [B, T, output_dim] by a kernel [output_dim, i].

    One token times a matrix is bound by memory, and XLA on CPU reads this order at full
    speed.
    """

    has_matrices = True

    def __init__(self, output_dim: int | None, **kwargs: Any) -> None:
        super().__init__("bti,oi->bto", output_shape=(None, output_dim), **kwargs)

    def call(self, inputs: jax.Array, training: bool | None = None) -> jax.Array:
        if self.lora_enabled:
            return super().call(inputs, training=training)
        return times_rows(inputs, jnp.asarray(self.kernel, self.compute_dtype))

    def quantize(self, mode: str, *, empty: bool = False, config: Any = None) -> None:
        """Store the kernel as int8, or with `empty` make room for one."""
        kernel = self._kernel
        del self._kernel
        self.quantized_build(kernel.shape, mode, config)
        if not empty:
            rows, scale = quantize_rows(np.asarray(kernel))
            self._kernel.assign(rows)
            self.kernel_scale.assign(scale.reshape(self.kernel_scale.shape))
        self.dtype_policy: Any = as_int8(self.dtype_policy)

    def save_own_variables(self, store: Any) -> None:
        """LoRA apart; Keras would merge it into the kernel, and go on from nothing."""
        if not self.lora_enabled:
            super().save_own_variables(store)
            return
        store["0"] = self._kernel
        if self.quantization_mode == "int8":
            store["1"] = self.kernel_scale
        for name in _LORA:
            store[name] = getattr(self, name)

    def load_own_variables(self, store: Any) -> None:
        """What a layer with or without LoRA has saved; without it here, merged."""
        # A store is no mapping: it has keys, and cannot be walked through.
        found = {name: store[name] for name in store.keys()}  # noqa: SIM118
        lora = [np.asarray(found.pop(name)) for name in _LORA if name in found]
        here = [getattr(self, n) for n in _LORA] if self.lora_enabled else []
        before = [np.asarray(variable) for variable in here]
        super().load_own_variables(found)
        if here:  # saved without: as it was, with no effect
            for variable, value in zip(
                here, lora or [before[0], 0 * before[1]], strict=True
            ):
                variable.assign(value)
        elif lora:
            self._add(lora[0] @ lora[1])

    def _add(self, rows: np.ndarray) -> None:
        if self.quantization_mode is None:
            self._kernel.assign_add(rows)
            return
        scale = np.asarray(self.kernel_scale).reshape(-1, 1)
        stored, scale = quantize_rows(np.asarray(self._kernel) / scale + rows)
        self._kernel.assign(stored)
        self.kernel_scale.assign(scale.reshape(self.kernel_scale.shape))

    def _int8_call(self, inputs: jax.Array, training: bool | None = None) -> jax.Array:
        """Keras calls this in the place of `call` when the kernel is int8.

        Its own would round the inputs to int8 as well, and on CPU multiplies whole
        numbers ten times slower than floats.
        """
        del training
        scale = jnp.asarray(self.kernel_scale).reshape(-1)
        x = times_int8(inputs, jnp.asarray(self._kernel), scale)
        if self.lora_enabled:
            into, out_of = jnp.asarray(self.lora_kernel_b), self.lora_kernel_a
            low_rank = jnp.einsum("bti,ri->btr", inputs, into)
            low_rank = jnp.einsum("btr,or->bto", low_rank, jnp.asarray(out_of))
            x = x + low_rank * (self.lora_alpha / self.lora_rank)
        return x.astype(self.compute_dtype)
