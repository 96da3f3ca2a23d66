"""Programs for one layer at a time, which tell what happens inside of a model.

Letters: C tokens of a chunk, S keys, N positions, Q query heads, K key/value heads,
H head dim, D hidden dim, V vocabulary.

Each is traced once and called with the weights of any layer; texts are padded, so they
compile for few shapes: C and N are powers of two up to CHUNK, S powers of two. Windows
and lengths are arrays.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax import lax
from numpy.typing import NDArray

from playground.engine import kv_cache
from playground.models.mistral_backbone import MistralBackbone

CHUNK = 256
_SMALLEST = 16
_PREDICTED = 64


class TokenNumbers(NamedTuple):
    """What the model made of each token [N] that came next."""

    surprisal: jax.Array  # f32, -ln of the token's probability: nats
    rank: jax.Array  # i32, 1 for the likeliest; equal ones share a rank
    entropy: jax.Array  # f32, of the distribution that it came from: nats


def padded_size(count: int, most: int | None = None) -> int:
    """The power of two that holds `count`, from 16, and not more than `most`."""
    size = max(_SMALLEST, 1 << (count - 1).bit_length())
    return size if most is None else min(size, most)


class LayerPrograms:
    """The compiled programs of one backbone. Weights are arguments throughout."""

    def __init__(self, backbone: MistralBackbone) -> None:
        self.backbone = backbone
        # Each compiles again for another C, S or N only.
        self.embed = jax.jit(self._embed)
        self.step = jax.jit(self._step, donate_argnames="cache")
        self.keys_and_values = jax.jit(self._keys_and_values)
        self.attention = jax.jit(self._attention)
        self.predict = jax.jit(self._predict)
        self.measure = jax.jit(self._measure)
        self.divergence = jax.jit(self._divergence)
        self.pull_back = jax.jit(self._pull_back)
        self.logprob_gradient = jax.jit(self._logprob_gradient)

    def weights(self) -> list[list[jax.Array]]:
        """Of every layer, first the first, as they are now."""
        return [_values(layer) for layer in self.backbone.transformer_layers]

    def outer_weights(self) -> list[jax.Array]:
        """Of what lies around the layers: embeddings, vocabulary head, final norm."""
        return [variable.value for variable in self._outer_variables()]

    def empty_cache(self, num_slots: int) -> kv_cache.KVCache:
        """A ring for the keys and values of one layer."""
        backbone = self.backbone
        return kv_cache.empty(
            kv_cache.RingPlan.of([None]),
            backbone.num_key_value_heads,
            backbone.head_dim,
            [num_slots],
            backbone.compute_dtype,
        )

    def _outer_variables(self) -> list[Any]:
        backbone = self.backbone
        return [*backbone.token_embedding.variables, *backbone.layer_norm.variables]

    def _around(self, weights: list[jax.Array]) -> keras.StatelessScope:
        mapping = zip(self._outer_variables(), weights, strict=True)
        return keras.StatelessScope(state_mapping=list(mapping))

    def _embed(self, weights: list[jax.Array], token_ids: jax.Array) -> jax.Array:
        """[C] -> [C, D], what the first layer is given."""
        with self._around(weights):
            return self.backbone.token_embedding(token_ids[None])[0]

    def _step(
        self,
        weights: list[jax.Array],
        cache: kv_cache.KVCache,
        x: jax.Array,
        start: jax.Array,
        count: jax.Array,
        window: jax.Array,
    ) -> tuple[jax.Array, kv_cache.KVCache]:
        """A layer over tokens x [C, D] from `start`, the first `count` of them real."""
        (ring,) = cache.rings
        positions, slots, stored = kv_cache.place(
            ring.positions, start[None], count[None], x.shape[0]
        )
        seen = kv_cache.visible(positions, stored, window[None])
        by = self.backbone.transformer_layers[0].rope.rotation(positions)
        layer_cache = (ring.keys[0], ring.values[0])
        x, (keys, values) = self.backbone.layer_step(
            weights, x[None], by, seen, layer_cache, slots
        )
        ring = kv_cache.Ring((keys,), (values,), stored)
        return x[0], kv_cache.KVCache((ring,))

    def _keys_and_values(
        self, weights: list[jax.Array], x: jax.Array, start: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """A layer's keys and values, each [C, K, H], of its inputs x [C, D]."""
        positions = start + jnp.arange(x.shape[0], dtype=jnp.int32)
        with self.backbone.as_layer(weights) as layer:
            normed = layer.self_attention_layernorm(x[None])
            key = layer.self_attention.key(normed, layer.rope.rotation(positions[None]))
            return key[0], layer.self_attention.value(normed)[0]

    def _attention(
        self,
        weights: list[jax.Array],
        x: jax.Array,
        positions: jax.Array,
        keys: jax.Array,
        first_key: jax.Array,
        window: jax.Array,
    ) -> jax.Array:
        """The weights [Q, N, S] by which inputs x [N, D] attend to keys [S, K, H].

        The keys stand at `first_key` and on, the inputs at `positions` [N].
        """
        key_positions = first_key + jnp.arange(keys.shape[0], dtype=jnp.int32)
        seen = kv_cache.visible(positions[None], key_positions[None], window[None])
        with self.backbone.as_layer(weights) as layer:
            normed = layer.self_attention_layernorm(x[None])
            query = layer.self_attention.query(
                normed, layer.rope.rotation(positions[None])
            )
            return kv_cache.attention_weights(
                query, kv_cache.key_layout(keys[None]), seen
            )[0]

    def _predict(self, weights: list[jax.Array], x: jax.Array) -> jax.Array:
        """Logits f32 [N, V] of a layer's outputs x [N, D]: final norm, then head."""
        backbone = self.backbone
        with self._around(weights):
            logits = backbone.token_embedding(
                backbone.layer_norm(x[None]), reverse=True
            )
            return logits[0].astype(jnp.float32)

    def _measure(
        self, weights: list[jax.Array], x: jax.Array, targets: jax.Array
    ) -> TokenNumbers:
        """Numbers of the tokens `targets` [N] that follow on outputs x [N, D]."""
        logits = self._predict(weights, x)
        logprobs = jax.nn.log_softmax(logits)
        chosen = jnp.take_along_axis(logits, targets[:, None], axis=1)
        return TokenNumbers(
            surprisal=-jnp.take_along_axis(logprobs, targets[:, None], axis=1)[:, 0],
            rank=1 + (logits > chosen).sum(axis=1, dtype=jnp.int32),
            entropy=-(jnp.exp(logprobs) * logprobs).sum(axis=1),
        )

    def _divergence(
        self, weights: list[jax.Array], x: jax.Array, other: jax.Array
    ) -> jax.Array:
        """KL(P || R) [N] in nats of what outputs x and `other` [N, D] predict."""
        p, r = (jax.nn.log_softmax(self._predict(weights, each)) for each in (x, other))
        return (jnp.exp(p) * (p - r)).sum(axis=1)

    def _read(
        self,
        weights: list[jax.Array],
        cache: kv_cache.KVCache,
        x: jax.Array,
        count: jax.Array,
        window: jax.Array,
    ) -> jax.Array:
        """A layer over a whole text x [n, C, D] of `count` tokens, chunk by chunk.

        To be differentiated: each chunk is computed again on the way back, so that the
        weights of one are in memory, and not those of all.
        """

        @jax.checkpoint
        def read(
            cache: kv_cache.KVCache, chunk: tuple[jax.Array, jax.Array]
        ) -> tuple[kv_cache.KVCache, jax.Array]:
            start, part = chunk
            left = jnp.clip(count - start, 0, part.shape[0])
            out, cache = self._step(weights, cache, part, start, left, window)
            return cache, out

        starts = jnp.arange(x.shape[0], dtype=jnp.int32) * x.shape[1]
        return lax.scan(read, cache, (starts, x))[1]

    def _pull_back(
        self,
        weights: list[jax.Array],
        cache: kv_cache.KVCache,
        x: jax.Array,
        gradient: jax.Array,
        count: jax.Array,
        window: jax.Array,
    ) -> jax.Array:
        """The gradient by a layer's inputs x, for that by its outputs, [n, C, D]."""
        _, pull = jax.vjp(lambda x: self._read(weights, cache, x, count, window), x)
        return pull(gradient)[0]

    def _logprob_gradient(
        self, weights: list[jax.Array], x: jax.Array, token_id: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """ln of a token's probability after an output x [D], and its gradient by x."""

        def logprob(x: jax.Array) -> jax.Array:
            return jax.nn.log_softmax(self._predict(weights, x[None])[0])[token_id]

        return jax.value_and_grad(logprob)(x)


def _values(layer: Any) -> list[jax.Array]:
    return [variable.value for variable in layer.variables]


def padded(rows: NDArray[Any], size: int) -> NDArray[Any]:
    """The rows [n, ...] with zeros behind them: [size, ...]."""
    out = np.zeros((size, *rows.shape[1:]), rows.dtype)
    out[: len(rows)] = rows
    return out


def predicted_blocks(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The rows [N, ...], padded, so many at a time as are given to the vocabulary head.

    64 rows of logits are 13 MB for a vocabulary of 49,152.
    """
    for start in range(0, len(rows), _PREDICTED):
        some = rows[start : start + _PREDICTED]
        yield padded(some, padded_size(len(some)))


int32 = partial(np.asarray, dtype=np.int32)
