"""The two compiled programs of a model, and the few shapes they come in.

`forward` reads new tokens into a cache and gives the logits after the last one;
`sample` turns logits into a token. Neither depends on the other, and every number that
a person can change is an array input, so only shapes compile:

    forward  rows x chunk x slots    chunk: 1 to decode, CHUNKS to read a prompt
    grow     slots -> slots          when a text outgrows its ring
    sample   rows
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.sharding import NamedSharding

from playground.engine import kv_cache
from playground.engine.kv_cache import KVCache
from playground.engine.rows import put_row, repeat_rows, select_rows
from playground.engine.sharding import shardings
from playground.samplers import ChainValues, GreedySampler, Sampler, encode, sample

CHUNKS = (32, 128)
FIRST_SLOTS = 384
UNKNOWN_CONTEXT = 32768
Numbers = int | Sequence[int]
"""A whole number for each row, or one for all."""


class Backbone(Protocol):
    """The sizes that shape a cache, and the weights."""

    num_layers: int
    num_key_value_heads: int
    head_dim: int
    sliding_window: int | None
    context_length: int | None
    compute_dtype: str
    variables: list[Any]

    @property
    def head_sharding(self) -> NamedSharding | None: ...


class CachedModel(Protocol):
    """What the engine needs of a model."""

    @property
    def backbone(self) -> Backbone: ...

    @property
    def programs(self) -> "Programs": ...

    def call_with_cache(
        self,
        token_ids: jax.Array,
        cache: KVCache,
        start: jax.Array,
        count: jax.Array,
        window: jax.Array,
    ) -> tuple[jax.Array, jax.Array, KVCache]: ...


@dataclass(frozen=True)
class Chunk:
    """`count` tokens from `start`, padded to `size`."""

    start: int
    count: int
    size: int


def plan_chunks(
    length: int, chunks: tuple[int, int] = CHUNKS, start: int = 0
) -> Iterator[Chunk]:
    """Cut a prompt into chunks of two sizes.

    Large ones first; the rest goes into one small chunk, two, or a padded large one,
    whichever is least work: 300 tokens -> 128, 128, 32 and 32 (of which 12 are real).
    """
    small, large = chunks
    while start < length:
        size = large if length - start > 2 * small else small
        count = min(size, length - start)
        yield Chunk(start, count, size)
        start += count


class Programs:
    """The compiled programs of one model; call them from one thread.

    A prompt is read in `chunks` of two sizes. A ring starts with `first_slots`, enough
    for a window of 256, and about doubles until it holds the model's own, so that a
    short text costs little.
    """

    def __init__(
        self,
        model: CachedModel,
        chunks: tuple[int, int] = CHUNKS,
        first_slots: int = FIRST_SLOTS,
    ) -> None:
        self.model = model
        self.chunks = chunks
        self.slot_steps = _slot_steps(
            first_slots, full=self.window(None) + chunks[-1] - 1
        )
        self.build_seconds = 0.0
        self._used: set[tuple[str | int, ...]] = set()
        self.shardings = shardings(model.backbone.head_sharding)
        # Each compiles again for a new shape of tokens, cache or logits only. Over
        # several devices XLA may not choose where results lie: a cache that came back
        # otherwise would compile everything again, and not take the old one's place.
        cache, whole = self.shardings.cache, self.shardings.whole
        self._forward = jax.jit(
            self._call,
            donate_argnames="cache",
            out_shardings=(whole, whole, cache),
        )
        self._sample = jax.jit(sample, out_shardings=whole)
        self._probabilities = jax.jit(_probabilities, out_shardings=whole)
        self._grow = jax.jit(
            kv_cache.grow, static_argnames="num_slots", out_shardings=cache
        )

    def _call(
        self,
        weights: list[jax.Array],
        cache: KVCache,
        token_ids: jax.Array,
        start: jax.Array,
        count: jax.Array,
        window: jax.Array,
    ) -> tuple[jax.Array, jax.Array, KVCache]:
        token_ids = token_ids.reshape(start.shape[0], -1)
        mapping = list(zip(self.model.backbone.variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return self.model.call_with_cache(token_ids, cache, start, count, window)

    def weights(self) -> list[jax.Array]:
        """The model's weights as they are now."""
        return [variable.value for variable in self.model.backbone.variables]

    def window(self, wanted: int | None) -> int:
        """The window of a run: `wanted`, or the model's own, or the whole context."""
        backbone = self.model.backbone
        context = backbone.context_length or UNKNOWN_CONTEXT
        return wanted or backbone.sliding_window or context

    def slots_for(self, end: int, window: int) -> int:
        """How large a ring to use before writing up to `end` (exclusive)."""
        needed = kv_cache.slots_needed(end, window, self.chunks[-1])
        return next(slots for slots in self.slot_steps if slots >= needed)

    def empty_cache(self, num_slots: int) -> KVCache:
        backbone = self.model.backbone
        return kv_cache.empty(
            backbone.num_layers,
            backbone.num_key_value_heads,
            backbone.head_dim,
            num_slots,
            backbone.compute_dtype,
            put=self.shardings.put_cache,
        )

    def is_new(
        self, weights: list[jax.Array], size: int, num_slots: int, rows: int
    ) -> bool:
        """Whether a forward of this shape has not run yet, and so will compile."""
        return _forward_shape(weights, size, num_slots, rows) not in self._used

    def forward(
        self,
        weights: list[jax.Array],
        cache: KVCache,
        token_ids: np.ndarray | jax.Array,
        start: Numbers,
        count: Numbers,
        window: Numbers,
    ) -> tuple[jax.Array, jax.Array, KVCache]:
        """Read `count` tokens of each row of the cache.

        token_ids [B * T], row after row, stand at `start` and on. The three numbers are
        those of each row [B], or one for all. Gives the logits
        [B, V] after the last one, the hidden states [B, T, hidden_dim], and the cache
        with them; the given cache is used up.
        """
        rows = cache.rows
        place = [_each_row(each, rows) for each in (start, count, window)]
        size = token_ids.size // rows
        token_ids = self.shardings.put_whole(token_ids)
        cache = self.shardings.lay_out(cache)
        with self._timed_if_new(*_forward_shape(weights, size, cache.num_slots, rows)):
            return self._forward(weights, cache, token_ids, *place)

    def grow(self, cache: KVCache, num_slots: int) -> KVCache:
        """The cache in a larger ring."""
        with self._timed_if_new("grow", cache.num_slots, num_slots, cache.rows):
            return self._grow(cache, num_slots=num_slots)

    def sample(
        self, logits: jax.Array, values: ChainValues, step: Numbers
    ) -> jax.Array:
        """Tokens [B] for logits [B, V]; `step` numbers the draw of each row."""
        rows = logits.shape[0]
        with self._timed_if_new("sample", rows):
            return self._sample(logits, values, _each_row(step, rows))

    def choose(self, logits: jax.Array, sampler: Sampler) -> np.ndarray:
        """A token [1] that a person's own `sampler` chooses for logits [1, V].

        Raises ValueError if that is no token id.
        """
        with self._timed_if_new("probabilities"):
            temperature = np.array(sampler.temperature, np.float32)
            probabilities = self._probabilities(logits, temperature)
        chosen = np.asarray(sampler.get_next_token(probabilities)).reshape(-1)
        vocabulary = logits.shape[-1]
        if chosen.size != 1 or not 0 <= chosen[0] < vocabulary:
            raise ValueError(
                f"{type(sampler).__name__}.get_next_token must give one token id in "
                f"[0, {vocabulary - 1}] for probabilities of shape "
                f"{probabilities.shape}, got {chosen[:5]}."
            )
        return chosen.astype(np.int32)

    @contextmanager
    def _timed_if_new(self, *shape: str | int) -> Iterator[None]:
        """Count the first call of a shape as building: it traces and compiles."""
        started = time.perf_counter()
        yield
        if shape not in self._used:
            self._used.add(shape)
            self.build_seconds += time.perf_counter() - started

    def most_rows(self, weights: list[jax.Array], num_slots: int) -> int:
        """How many texts can be decoded together without compiling: 1, 2, 4, ..."""
        rows = 1
        while ("rows", num_slots, 2 * rows, len(weights)) in self._used:
            rows *= 2
        return rows

    def shapes(self, longest: int) -> Iterator[tuple[int, int]]:
        """(chunk, slots) of every forward that texts up to `longest` tokens need."""
        for slots in self._rings(longest):
            yield from ((size, slots) for size in (*self.chunks, 1))

    def row_shapes(self, longest: int, most: int) -> Iterator[tuple[int, int]]:
        """(rows, slots) for up to `most` such texts at once, the fewest first."""
        rows = 2
        while rows <= most:
            yield from ((rows, slots) for slots in self._rings(longest))
            rows *= 2

    def _rings(self, longest: int) -> tuple[int, ...]:
        last = self.slots_for(longest, self.window(None)) if longest else 0
        return tuple(slots for slots in self.slot_steps if slots <= last)

    def warm_up(self, size: int, num_slots: int) -> None:
        """Compile the forward of this shape, the growth into it, and the sampler."""
        weights, cache = self.weights(), self.empty_cache(num_slots)
        step = self.slot_steps.index(num_slots)
        if step > 0 and size == 1:
            cache = self.grow(self.empty_cache(self.slot_steps[step - 1]), num_slots)
        tokens = np.zeros(size, np.int32)
        logits, _, _ = self.forward(weights, cache, tokens, 0, 1, 1)
        self._sample_anything(logits)

    def warm_up_rows(self, rows: int, num_slots: int) -> None:
        """Compile what `rows` texts at once need: to come, to be decoded, to go."""
        weights, one, half = self.weights(), self.empty_cache(num_slots), rows // 2
        cache = select_rows(
            repeat_rows(one, half), np.arange(rows, dtype=np.int32) % half
        )
        cache = put_row(cache, one, np.int32(0))
        tokens = np.zeros(rows, np.int32)
        logits, _, cache = self.forward(weights, cache, tokens, 0, 1, 1)
        for left in (1, half):
            select_rows(cache, np.arange(left, dtype=np.int32))
        self._sample_anything(logits)
        self._used.add(("rows", num_slots, rows, len(weights)))

    def _sample_anything(self, logits: jax.Array) -> None:
        rows = logits.shape[0]
        values = encode([GreedySampler().values()] * rows, [0] * rows)
        self.sample(logits, values, 0).block_until_ready()


def _each_row(numbers: Numbers, rows: int) -> np.ndarray:
    return np.ascontiguousarray(np.broadcast_to(np.asarray(numbers, np.int32), rows))


def _forward_shape(
    weights: list[jax.Array], size: int, num_slots: int, rows: int
) -> tuple[str | int, ...]:
    """What a forward compiles for. LoRA and int8 add weights: their number counts."""
    return ("forward", size, num_slots, rows, len(weights))


def _probabilities(logits: jax.Array, temperature: jax.Array) -> jax.Array:
    """Softmax of logits [1, V] over a temperature; at 0, all on the likeliest token."""
    peak = logits >= logits.max(axis=-1, keepdims=True)
    scaled = logits / jnp.where(temperature > 0, temperature, jnp.float32(1))
    greedy = jnp.where(peak, jnp.float32(0), -jnp.inf)
    return jax.nn.softmax(jnp.where(temperature > 0, scaled, greedy), axis=-1)


def _slot_steps(first: int, full: int) -> tuple[int, ...]:
    """Ring sizes from `first` over powers of two to `full`: 384, 3000 -> 384 1024 3000.

    A step is at least twice the one before, but the last, which is at least 1.5 times.
    """
    steps = []
    while first * 3 // 2 < full:
        steps.append(first)
        first = 1 << (2 * first - 1).bit_length()
    return (*steps, full)
