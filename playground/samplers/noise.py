"""The noise of one draw: a function of the row's seed and the draw's number alone."""

import jax
import jax.numpy as jnp


def uniform(seed: jax.Array, step: jax.Array) -> jax.Array:
    """f32[2] in [0, 1): where in the distribution the draw falls."""
    return jax.random.uniform(_key(seed, step), (2,), jnp.float32)


def coin(seed: jax.Array, step: jax.Array) -> jax.Array:
    """f32[] in [0, 1): whether XTC acts; independent of `uniform`."""
    key = jax.random.fold_in(_key(seed, step), 1)
    return jax.random.uniform(key, (), jnp.float32)


def _key(seed: jax.Array, step: jax.Array) -> jax.Array:
    return jax.random.fold_in(jax.random.key(seed), step)
