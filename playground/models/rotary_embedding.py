"""Rotary position embedding, in the half-split form of Hugging Face and Keras.

Frequency i of a head of size H is `base ** (-2i / H)`
(https://arxiv.org/abs/2104.09864); a model that was made for longer texts than it first
learnt changes them by one of these scalings:

    linear     all divided by a factor (https://arxiv.org/abs/2306.15595)
    dynamic    another base, the longer the text is beyond the context
    yarn       slow ones divided, fast ones kept (https://arxiv.org/abs/2309.00071)
    llama3     the same with other borders, as in Llama 3.1
    divisors   one divisor for each frequency, as GGUF stores them
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from playground.presets.rope_scaling import checked_scaling

Frequencies = NDArray[np.float64]


class Rotation(NamedTuple):
    """Cosines and sines of positions [B, T], each f32 [B, T, 1, H/2].

    `query_factor` f32 [B, T, 1, 1] is what queries are multiplied by; None for 1.
    """

    cos: jax.Array
    sin: jax.Array
    query_factor: jax.Array | None = None


@dataclass(frozen=True, kw_only=True)
class Rope:
    """How the heads of size `head_dim` are turned.

    `scaling` is as in `MistralBackbone`. Raises ValueError for one that cannot be.
    """

    head_dim: int
    base: float = 10_000.0
    factor: float = 1.0
    scaling: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scaling", checked_scaling(self.scaling))

    def frequencies(self) -> Frequencies:
        """The angles [H/2] between two neighbours, in radians."""
        plain = self._plain(self.base) / self.factor
        match self.scaling.get("type"):
            case "yarn":
                return plain * self._kept_by_yarn()
            case "llama3":
                return plain * self._kept_by_llama3(plain)
            case "divisors":
                return plain / np.asarray(self.scaling["divisors"], np.float64)
        return plain

    @property
    def attention_factor(self) -> float:
        """What cosines and sines are multiplied by."""
        return float(self.scaling.get("attention_factor", 1.0))

    def rotation(self, positions: jax.Array) -> Rotation:
        """The rotation by positions [B, T]."""
        positions = positions.astype(jnp.float32)
        angles = positions[..., None] * self._frequencies_at(positions)
        cos, sin = jnp.cos(angles)[:, :, None], jnp.sin(angles)[:, :, None]
        if self.attention_factor != 1:
            cos, sin = (each * np.float32(self.attention_factor) for each in (cos, sin))
        return Rotation(cos, sin, self._query_factor(positions))

    def _plain(self, base: Any) -> Any:
        exponents = np.arange(0, self.head_dim, 2, dtype=np.float64) / self.head_dim
        return np.exp(-math.log(base) * exponents)

    def _frequencies_at(self, positions: jax.Array) -> Any:
        """Those of the whole text; "dynamic" ones depend on its length so far."""
        if self.scaling.get("type") != "dynamic":
            return self.frequencies().astype(np.float32)
        factor, size = self.scaling["factor"], self.head_dim
        length = positions.max() + 1
        beyond = jnp.maximum(length / self.scaling["original_context_length"], 1)
        stretched = (factor * beyond - (factor - 1)) ** (size / (size - 2))
        exponents = np.arange(0, size, 2, dtype=np.float32) / size
        return self._plain(self.base).astype(np.float32) * stretched**-exponents

    def _kept_by_yarn(self) -> Frequencies:
        """The share [H/2] of each frequency that is left: from 1 to 1 / factor."""
        found = self.scaling
        low, high = (
            self._pair_that_turns(found[name]) for name in ("beta_fast", "beta_slow")
        )
        if found["truncate"]:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, self.head_dim - 1)
        width = high - low or 0.001
        pairs = np.arange(self.head_dim // 2)
        slow = np.clip((pairs - low) / width, 0, 1)
        return slow / found["factor"] + (1 - slow)

    def _pair_that_turns(self, times: float) -> float:
        """Which pair turns so often over the original context."""
        turns = self.scaling["original_context_length"] / (times * 2 * math.pi)
        return self.head_dim * math.log(turns) / (2 * math.log(self.base))

    def _kept_by_llama3(self, plain: Frequencies) -> Frequencies:
        found = self.scaling
        low, high = found["low_frequency_factor"], found["high_frequency_factor"]
        turns = found["original_context_length"] * plain / (2 * math.pi)
        fast = np.clip((turns - low) / (high - low), 0, 1)
        return (1 - fast) / found["factor"] + fast

    def _query_factor(self, positions: jax.Array) -> jax.Array | None:
        """1 + beta ln(1 + floor(position / original context)), as in Llama 4."""
        beta = self.scaling.get("query_beta", 0.0)
        if not beta:
            return None
        spans = jnp.floor(positions / self.scaling["original_context_length"])
        return (1 + np.float32(beta) * jnp.log1p(jnp.maximum(spans, 0)))[
            ..., None, None
        ]


def rotate(x: jax.Array, by: Rotation) -> jax.Array:
    """Turn each pair (x[i], x[i + H/2]) of x [B, T, heads, H] by its angle.

    By a quarter turn (cos 0, sin 1), [a, b] becomes [-b, a].
    """
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    turned = [first * by.cos - second * by.sin, second * by.cos + first * by.sin]
    return jnp.concatenate(turned, axis=-1).astype(x.dtype)


def rotate_query(x: jax.Array, by: Rotation) -> jax.Array:
    """The same for queries, which some models make longer at far positions."""
    turned = rotate(x, by)
    if by.query_factor is None:
        return turned
    return (turned.astype(jnp.float32) * by.query_factor).astype(x.dtype)
