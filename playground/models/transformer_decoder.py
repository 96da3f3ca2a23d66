"""One Mistral layer: attention, then a gated feedforward, each around a residual."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import keras

from playground.engine import kv_cache
from playground.engine.kv_cache import LayerCache
from playground.models.attention import MistralAttention
from playground.models.projection import Projection
from playground.models.rotary_embedding import Rope, Rotation
from playground.models.serialization import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class MistralTransformerDecoder(keras.layers.Layer):
    """`call` reads a whole text; `step` adds new tokens to a cache."""

    def __init__(
        self,
        num_query_heads: int,
        num_key_value_heads: int,
        head_dim: int,
        intermediate_dim: int,
        rope_max_wavelength: float = 10000,
        rope_scaling_factor: float = 1.0,
        layer_norm_epsilon: float = 1e-6,
        sliding_window: int | None = 512,
        dropout: float = 0,
        kernel_initializer: Any = "glorot_uniform",
        rope_scaling: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads
        self.head_dim = head_dim
        self.intermediate_dim = intermediate_dim
        self.rope_max_wavelength = rope_max_wavelength
        self.rope_scaling_factor = rope_scaling_factor
        self.rope = Rope(
            head_dim=head_dim,
            base=rope_max_wavelength,
            factor=rope_scaling_factor,
            scaling=rope_scaling or {},
        )
        self.rope_scaling = rope_scaling and dict(rope_scaling)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.sliding_window = sliding_window
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        hidden_dim = input_shape[-1]
        self.self_attention = MistralAttention(
            self.num_query_heads,
            self.num_key_value_heads,
            self.head_dim,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="self_attention",
        )
        self.self_attention_layernorm = self._norm("self_attention_layernorm")
        self.feedforward_layernorm = self._norm("feedforward_layernorm")
        gate, intermediate, output = (
            Projection(
                size,
                kernel_initializer=self.kernel_initializer,
                dtype=self.dtype_policy,
                name=f"feedforward_{name}_dense",
            )
            for name, size in (
                ("gate", self.intermediate_dim),
                ("intermediate", self.intermediate_dim),
                ("output", hidden_dim),
            )
        )
        self.feedforward_gate_dense = gate
        self.feedforward_intermediate_dense = intermediate
        self.feedforward_output_dense = output
        self.dropout_layer = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)
        self.self_attention.build(input_shape)
        for layer in (self.self_attention_layernorm, self.feedforward_layernorm):
            layer.build(input_shape)
        gate.build(input_shape)
        intermediate.build(input_shape)
        output.build((*input_shape[:-1], self.intermediate_dim))
        self.built = True

    def _norm(self, name: str) -> Any:
        return keras.layers.RMSNormalization(
            epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name=name
        )

    def call(
        self,
        x: jax.Array,
        padding_mask: jax.Array | None = None,
        training: bool | None = None,
    ) -> jax.Array:
        """x [B, T, hidden], padding_mask [B, T] (1 where there is a token)."""
        if padding_mask is None:
            padding_mask = jnp.ones(x.shape[:2], jnp.int32)
        positions = token_positions(padding_mask)
        window = self.sliding_window or x.shape[1]
        windows = jnp.full((x.shape[0],), window, jnp.int32)
        seen = kv_cache.visible(positions, positions, windows)
        x, _ = self.step(x, self.rope.rotation(positions), seen, training=training)
        return x

    def step(
        self,
        x: jax.Array,
        by: Rotation,
        seen: jax.Array,
        cache: LayerCache | None = None,
        slots: jax.Array | None = None,
        training: bool | None = None,
    ) -> tuple[jax.Array, LayerCache]:
        """The layer over new tokens x [B, T, hidden]; arguments as in `attention`."""
        attended, layer_cache = self.self_attention(
            self.self_attention_layernorm(x), by, seen, cache=cache, slots=slots
        )
        x = x + self.dropout_layer(attended, training=training)
        normed = self.feedforward_layernorm(x)
        gate = self.feedforward_gate_dense(normed).astype(jnp.float32)
        gate = jax.nn.silu(gate).astype(x.dtype)
        fed = self.feedforward_output_dense(
            gate * self.feedforward_intermediate_dense(normed)
        )
        return x + self.dropout_layer(fed, training=training), layer_cache

    def enable_lora(self, rank: int) -> None:
        """Adapt query and value; freeze the rest, their own kernels too."""
        attention = self.self_attention
        for layer in (
            attention.key_dense,
            attention.output_dense,
            self.self_attention_layernorm,
            self.feedforward_layernorm,
            self.feedforward_gate_dense,
            self.feedforward_intermediate_dense,
            self.feedforward_output_dense,
        ):
            layer.trainable = False
        attention.query_dense.enable_lora(rank)
        attention.value_dense.enable_lora(rank)

    def compute_output_spec(
        self, x: keras.KerasTensor, *_args: Any, **_kwargs: Any
    ) -> keras.KerasTensor:
        return keras.KerasTensor(x.shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        names = (
            "num_query_heads",
            "num_key_value_heads",
            "head_dim",
            "intermediate_dim",
            "rope_max_wavelength",
            "rope_scaling_factor",
            "rope_scaling",
            "layer_norm_epsilon",
            "sliding_window",
            "dropout",
        )
        initializer = keras.initializers.get(self.kernel_initializer)
        return {
            **super().get_config(),
            **{n: getattr(self, n) for n in names},
            "kernel_initializer": keras.initializers.serialize(initializer),
        }


def token_positions(padding_mask: jax.Array) -> jax.Array:
    """Positions of a padded text, EMPTY at padding, wherever the padding is.

    [0, 1, 1, 1, 0] -> [-1, 0, 1, 2, -1]
    """
    real = padding_mask.astype(bool)
    counted = jnp.cumsum(real, axis=1, dtype=jnp.int32) - 1
    return jnp.where(real, counted, kv_cache.EMPTY)
