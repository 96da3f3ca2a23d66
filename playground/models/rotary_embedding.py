"""Rotary position embedding, in the half-split form of Hugging Face and Keras."""

import math

import jax
import jax.numpy as jnp
import numpy as np

Rotation = tuple[jax.Array, jax.Array]


def rotation(
    positions: jax.Array, head_dim: int, max_wavelength: float, scaling_factor: float
) -> Rotation:
    """Cosines and sines for positions [B, T], each [B, T, 1, H/2] in float32.

    Frequency i is `max_wavelength ** (-2i / head_dim)`; a linear `scaling_factor` of 2
    lets position 2 turn as far as position 1 did (https://arxiv.org/abs/2104.09864,
    https://arxiv.org/abs/2306.15595).
    """
    exponents = np.arange(0, head_dim, 2, dtype=np.float64) / head_dim
    frequencies = np.exp(-math.log(max_wavelength) * exponents) / scaling_factor
    angles = positions[..., None].astype(jnp.float32) * frequencies.astype(np.float32)
    return jnp.cos(angles)[:, :, None], jnp.sin(angles)[:, :, None]


def rotate(x: jax.Array, by: Rotation) -> jax.Array:
    """Turn each pair (x[i], x[i + H/2]) of x [B, T, heads, H] by its angle.

    By a quarter turn (cos 0, sin 1), [a, b] becomes [-b, a].
    """
    cos, sin = by
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    turned = [first * cos - second * sin, second * cos + first * sin]
    return jnp.concatenate(turned, axis=-1).astype(x.dtype)
