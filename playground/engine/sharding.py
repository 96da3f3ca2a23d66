"""Arrays over several devices, for a model whose weights lie on several.

One process may drive all devices, or each process its own. Every process then runs the
same programs in the same order; it holds only its own devices' parts, and a copy of
what is whole everywhere.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from playground.engine.kv_cache import KVCache, Ring


@dataclass(frozen=True)
class Shardings:
    """Where what enters and leaves a program lies; all None on one device.

    `whole` is for what the host reads and writes: tokens, logits, numbers.
    """

    cache: KVCache | None = None
    whole: NamedSharding | None = None

    def put_cache(self, rings: tuple[Ring, ...]) -> Any:
        """The NumPy arrays of a cache's rings, on the devices."""
        if self.cache is None:
            return jax.device_put(rings)

        def put(sharding: NamedSharding, part: Any) -> Any:
            return jax.tree.map(lambda array: distribute(array, sharding), part)

        return jax.tree.map(put, self.cache.rings, rings)

    def lay_out(self, cache: KVCache) -> KVCache:
        """The cache as the programs want it, if another one has left it otherwise."""
        return cache if self.cache is None else jax.device_put(cache, self.cache)

    def put_whole(self, array: np.ndarray | jax.Array) -> jax.Array:
        """A host's array on every device; what is on a device goes as it is.

        For JAX, ids from the host and ids from a device would be two programs.
        """
        if isinstance(array, jax.Array):
            return array
        if self.whole is None:
            return jax.device_put(array)
        return distribute(array, self.whole)


def shardings(heads: NamedSharding | None, num_rings: int = 1) -> Shardings:
    """The shardings that go with `heads`, how the cache's head axis is cut."""
    if heads is None:
        return Shardings()
    whole = NamedSharding(heads.mesh, PartitionSpec())
    # One for all layers of a ring, which has tuples: a prefix of the cache's tree.
    ring: Any = Ring(keys=heads, values=heads, positions=whole)  # type: ignore[arg-type]
    return Shardings(KVCache((ring,) * num_rings), whole)


def distribute(
    values: np.ndarray, sharding: NamedSharding, dtype: str | None = None
) -> jax.Array:
    """`values` on the devices, each of which is sent its own part and nothing else.

    Every process must give the same values. `jax.device_put` would check that by
    sending them around.
    """
    kind = jnp.dtype(dtype or values.dtype)

    def part(index: Any) -> np.ndarray:
        # A copy, as JAX on CPU may keep what it is given: a part would keep the whole.
        return np.array(values[index], kind)

    return jax.make_array_from_callback(values.shape, sharding, part)
