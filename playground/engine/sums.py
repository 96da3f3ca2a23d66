"""Several sums in one pass over what they share.

XLA on CPU makes of one reduction with several operands one loop, which reads what they
have in common once, adds in vectors and is cut among the cores: about as fast as memory
is. It does so only where it may add in any order. A matrix product over few rows keeps
to one core, and one with int8 first writes the whole matrix as floats.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

IN_ANY_ORDER = {
    "xla_cpu_enable_fast_math": True,
    "xla_cpu_fast_math_honor_nans": True,
    "xla_cpu_fast_math_honor_infs": True,
    "xla_cpu_fast_math_honor_division": True,
    "xla_cpu_fast_math_honor_functions": True,
}
"""For `jax.jit(compiler_options=...)`; what is no sum stays as exact as it is."""


def sums(parts: Sequence[jax.Array]) -> list[jax.Array]:
    """The sum of each part over its last axis; all are float32 and of one shape."""
    zeros = [np.float32(0)] * len(parts)
    return list(lax.reduce(list(parts), zeros, _add, [parts[0].ndim - 1]))


def _add(ones: list[jax.Array], others: list[jax.Array]) -> list[jax.Array]:
    return [one + other for one, other in zip(ones, others, strict=True)]


def summed_products(x: jax.Array, rows: jax.Array) -> jax.Array:
    """x [B, i] times the rows of a matrix [o, i]: float32 [B, o].

    Two of x meet three blocks of the matrix at a time, the fastest of those measured.
    All blocks have one size: for o = 4 they are the rows 0 1, 2 3 and 2 3 once more,
    of which nothing is kept.
    """
    output_dim = rows.shape[0]
    size = -(-output_dim // 3)
    starts = [min(block * size, output_dim - size) for block in range(3)]
    blocks = [rows[start : start + size] for start in starts]
    repeated = [block * size - start for block, start in enumerate(starts)]
    product = []
    for first in range(0, x.shape[0], 2):
        pair = x[first : first + 2].astype(jnp.float32)
        found = iter(sums([block * each for each in pair for block in blocks]))
        for _ in pair:
            whole = [next(found)[count:] for count in repeated]
            product.append(jnp.concatenate(whole))
    return jnp.stack(product)
