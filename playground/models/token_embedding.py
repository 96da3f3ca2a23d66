"""Token ids to hidden states, and hidden states to logits."""

import jax
import jax.numpy as jnp
import keras


@keras.saving.register_keras_serializable(package="mistral_playground")
class TokenEmbedding(keras.layers.ReversibleEmbedding):
    """Keras's reversible embedding without its copy of the table.

    Keras multiplies by the transposed table, which XLA on CPU writes out anew at every
    call: 113 MB a token for a vocabulary of 49,152. Naming the axes avoids that.
    """

    def call(self, inputs: jax.Array, reverse: bool = False) -> jax.Array:
        tied = reverse and self.tie_weights and self.quantization_mode is None
        if not tied:
            return super().call(inputs, reverse=reverse)
        table = jnp.asarray(self.embeddings, self.compute_dtype)
        return jnp.einsum("btd,vd->btv", inputs, table)
