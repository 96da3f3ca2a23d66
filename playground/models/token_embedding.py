"""Token ids to hidden states, and hidden states to logits."""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from playground.models.projection import times_rows
from playground.models.quantization import as_int8, quantize_rows, times_int8


@keras.saving.register_keras_serializable(package="mistral_playground")
class TokenEmbedding(keras.layers.ReversibleEmbedding):
    """Keras's reversible embedding without its copy of the table.

    Keras multiplies by the transposed table, which XLA on CPU writes out anew at every
    call: 113 MB a token for a vocabulary of 49,152. Naming the axes avoids that.

    In int8 both tables lie [vocabulary, hidden_dim], so that each token has a scale.
    """

    has_matrices = True

    def call(self, inputs: jax.Array, reverse: bool = False) -> jax.Array:
        tied = reverse and self.tie_weights and self.quantization_mode is None
        if not tied:
            return super().call(inputs, reverse=reverse)
        table = jnp.asarray(self.embeddings, self.compute_dtype)
        return times_rows(inputs, table)

    def quantize(self, mode: str, *, empty: bool = False, config: Any = None) -> None:
        """Store the tables as int8, or with `empty` make room for them."""
        del config
        tables = {"embeddings": self._embeddings}
        del self._embeddings
        if not self.tie_weights:
            tables["reverse_embeddings"] = self.reverse_embeddings
            del self.reverse_embeddings
        self.quantized_build((self.input_dim, self.output_dim), mode)
        for name, table in () if empty else tables.items():
            by_token = np.asarray(table).T if name.startswith("reverse") else table
            rows, scale = quantize_rows(np.asarray(by_token))
            variable = self._embeddings if name == "embeddings" else getattr(self, name)
            variable.assign(rows)
            getattr(self, f"{name}_scale").assign(scale)
        self.dtype_policy: Any = as_int8(self.dtype_policy)

    def _int8_build(self, embeddings_shape: Any, config: Any = None) -> None:
        """Both tables are alike; Keras's own head lies the other way round."""
        del config
        shape = embeddings_shape or (self.input_dim, self.output_dim)
        self._embeddings, self.embeddings_scale = self._int8_table("embeddings", shape)
        if not self.tie_weights:
            table = self._int8_table("reverse_embeddings", shape)
            self.reverse_embeddings, self.reverse_embeddings_scale = table

    def _int8_table(self, name: str, shape: tuple[int, int]) -> tuple[Any, Any]:
        rows = self.add_weight(
            name=name, shape=shape, initializer="zeros", dtype="int8", trainable=False
        )
        scale = self.add_weight(
            name=f"{name}_scale",
            shape=shape[:1],
            initializer="ones",
            dtype="float32",
            trainable=False,
        )
        return rows, scale

    def _int8_call(self, inputs: jax.Array, reverse: bool = False) -> jax.Array:
        rows, scale = self._embeddings, self.embeddings_scale
        if reverse and not self.tie_weights:
            rows, scale = self.reverse_embeddings, self.reverse_embeddings_scale
        if reverse:
            return times_int8(inputs, jnp.asarray(rows), jnp.asarray(scale))
        ids = inputs.astype(jnp.int32)
        table, scales = jnp.asarray(rows)[ids], jnp.asarray(scale)[ids]
        return (table / scales[..., None]).astype(self.compute_dtype)
