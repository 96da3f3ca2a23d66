"""Grouped-query attention with a sliding window."""

from typing import Any

import jax
import keras

from playground.engine import kv_cache
from playground.engine.kv_cache import LayerCache
from playground.models.projection import Projection
from playground.models.rotary_embedding import Rotation, rotate, rotate_query


class MistralAttention(keras.layers.Layer):
    """Q query heads over K key/value heads, each of size H.

    Kernels lie (out, in): `query` [Q*H, hidden], `key` and `value` [K*H, hidden],
    `attention_output` [hidden, Q*H]. With heads as an axis of their own XLA on CPU
    would copy every kernel at every step.
    """

    def __init__(
        self,
        num_query_heads: int,
        num_key_value_heads: int,
        head_dim: int,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads
        self.head_dim = head_dim
        self.kernel_initializer = kernel_initializer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        def dense(name: str, output_dim: int | None) -> Any:
            return Projection(
                output_dim,
                kernel_initializer=self.kernel_initializer,
                dtype=self.dtype_policy,
                name=name,
            )

        query_dim = self.num_query_heads * self.head_dim
        key_dim = self.num_key_value_heads * self.head_dim
        self.query_dense = dense("query", query_dim)
        self.key_dense = dense("key", key_dim)
        self.value_dense = dense("value", key_dim)
        self.output_dense = dense("attention_output", input_shape[-1])
        for layer in (self.query_dense, self.key_dense, self.value_dense):
            layer.build(input_shape)
        self.output_dense.build((*input_shape[:-1], query_dim))
        self.built = True

    def call(
        self,
        x: jax.Array,
        by: Rotation,
        seen: jax.Array,
        cache: LayerCache | None = None,
        slots: jax.Array | None = None,
    ) -> tuple[jax.Array, LayerCache]:
        """Attend, over `cache` or, without one, over this very text.

        x [B, T, hidden], seen [B, T, S] (S = T without a cache), slots [B, T] says
        where the new keys and values go. Gives [B, T, hidden] and the layer's keys and
        values.
        """
        query, key, value = self.query(x, by), self.key(x, by), self.value(x)
        if cache is None or slots is None:
            keys, values = kv_cache.key_layout(key), kv_cache.value_layout(value)
        else:
            keys, values = kv_cache.write(*cache, key, value, slots)
        attended = kv_cache.attend(query, keys, values, seen)
        return self.output_dense(attended.reshape(*x.shape[:2], -1)), (keys, values)

    def query(self, x: jax.Array, by: Rotation) -> jax.Array:
        """x [B, T, hidden] -> [B, T, Q, H], turned by its position."""
        return rotate_query(self._heads(self.query_dense(x)), by)

    def key(self, x: jax.Array, by: Rotation) -> jax.Array:
        """x [B, T, hidden] -> [B, T, K, H], turned by its position."""
        return rotate(self._heads(self.key_dense(x)), by)

    def value(self, x: jax.Array) -> jax.Array:
        """x [B, T, hidden] -> [B, T, K, H]."""
        return self._heads(self.value_dense(x))

    def _heads(self, x: jax.Array) -> jax.Array:
        """[B, T, heads * H] -> [B, T, heads, H]."""
        return x.reshape(*x.shape[:2], -1, self.head_dim)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.head_dim,
        }
