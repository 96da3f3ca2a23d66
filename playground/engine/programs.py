"""The two compiled programs of a model, and the few shapes they come in.

`forward` reads new tokens into a cache and gives the logits after the last one;
`sample` turns logits into a token. Neither depends on the other, and every number that
a person can change is an array input, so only shapes compile:

    forward  rows x chunk x slots    chunk: 1 to decode, CHUNKS to read a prompt
    grow     slots -> slots          when a text outgrows its ring
    sample   rows                    and measure, which tells about some draws
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

import jax
import keras
import numpy as np
from jax.sharding import NamedSharding

from playground.engine import kv_cache
from playground.engine.chunks import CHUNKS
from playground.engine.kv_cache import KVCache, RingPlan
from playground.engine.sharding import shardings
from playground.engine.sums import IN_ANY_ORDER
from playground.engine.texts import Texts, probabilities, sample_next
from playground.samplers import ChainValues, Record, Sampler
from playground.samplers.record import Draw, measure_drawn

FIRST_SLOTS = 384
MOST_STEPS, MOST_NUMBERS = 16, 2**19
"""What is measured together: steps, and logits of all of them."""
UNKNOWN_CONTEXT = 32768
Numbers = int | Sequence[int]
"""A whole number for each row, or one for all."""


class Backbone(Protocol):
    """The sizes that shape a cache, and the weights."""

    num_layers: int
    num_key_value_heads: int
    head_dim: int
    layer_windows: list[int | None]
    context_length: int | None
    compute_dtype: str
    variables: list[Any]

    @property
    def widest_window(self) -> int | None: ...

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
        self.rings = RingPlan.of(model.backbone.layer_windows)
        self.shardings = shardings(
            model.backbone.head_sharding, len(self.rings.windows)
        )
        # Each compiles again for a new shape of tokens, cache or logits only. Over
        # several devices XLA may not choose where results lie: a cache that came back
        # otherwise would compile everything again, and not take the old one's place.
        cached, whole = self.shardings.cache, self.shardings.whole
        self._forward = jax.jit(
            self._call,
            donate_argnames="cache",
            out_shardings=(whole, whole, cached),
            compiler_options=IN_ANY_ORDER if jax.default_backend() == "cpu" else None,
        )
        self._sample = _compiled(sample_next, whole)
        self._measure = _compiled(measure_drawn, whole)
        self._probabilities = _compiled(probabilities, whole)
        self._grow = jax.jit(
            kv_cache.grow, static_argnames="slots", out_shardings=cached
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
        """The window of a run: `wanted`, or the model's own, or the whole context.

        Where layers differ it is that of the widest; the others keep to their own.
        """
        backbone = self.model.backbone
        context = backbone.context_length or UNKNOWN_CONTEXT
        return wanted or backbone.widest_window or context

    def slots_for(self, end: int, window: int) -> int:
        """How large a ring to use before writing up to `end` (exclusive)."""
        needed = kv_cache.slots_needed(end, window, self.chunks[-1])
        return next(slots for slots in self.slot_steps if slots >= needed)

    def cache_bytes(self, num_slots: int) -> int:
        """What the keys and values of a cache take, for one row."""
        backbone = self.model.backbone
        slots = self._slots(num_slots)
        held = sum(slots[ring] for ring in self.rings.ring_of_layer)  # of all layers
        each = jax.numpy.dtype(backbone.compute_dtype).itemsize
        return 2 * held * backbone.num_key_value_heads * backbone.head_dim * each

    def _slots(self, num_slots: int) -> tuple[int, ...]:
        """The rings of a cache whose largest one has `num_slots`."""
        return self.rings.slots(num_slots, self.chunks[-1])

    def empty_cache(self, num_slots: int) -> KVCache:
        backbone = self.model.backbone
        return kv_cache.empty(
            self.rings,
            backbone.num_key_value_heads,
            backbone.head_dim,
            self._slots(num_slots),
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
        """The cache in larger rings."""
        with self._timed_if_new("grow", cache.num_slots, num_slots, cache.rows):
            return self._grow(cache, slots=self._slots(num_slots))

    def sample(
        self, logits: jax.Array, values: ChainValues, step: Numbers, texts: Texts
    ) -> Draw:
        """One token more for each text, drawn from logits [B, V].

        `step` numbers the draw of each row.
        """
        rows = logits.shape[0]
        history, tokens = map(self.shardings.put_whole, texts)
        with self._timed_if_new("sample", rows):
            drawn = self._sample(logits, values, _each_row(step, rows), history, tokens)
        return Draw(logits, *drawn)

    @staticmethod
    def measured_together(draw: Draw) -> int:
        """How many steps like this one `measure` takes at most."""
        return min(max(MOST_NUMBERS // draw.logits.size, 1), MOST_STEPS)

    def measure(
        self, draws: Sequence[Draw], values: ChainValues, places: Sequence[int]
    ) -> Record:
        """What is worth knowing about tokens that `sample` drew in some steps.

        `values` were those of all steps. `places` are the wanted tokens,
        step * B + row; the record has an entry for each token. On any thread, once a
        first call has compiled it.
        """
        most, rows = self.measured_together(draws[0]), draws[0].logits.shape[0]
        filled = [*draws, *[draws[0]] * (most - len(draws))]
        wanted = np.zeros(most * rows, np.int32)
        wanted[: len(places)] = places
        with self._timed_if_new("measure", rows):
            return self._measure(filled, values, wanted, np.int32(len(places)))

    def choose(self, logits: jax.Array, sampler: Sampler) -> np.ndarray:
        """A token [1] that a person's own `sampler` chooses for logits [1, V].

        Raises ValueError if that is no token id.
        """
        with self._timed_if_new("probabilities"):
            temperature = np.array(sampler.temperature, np.float32)
            shares = self._probabilities(logits, temperature)
        chosen = np.asarray(sampler.get_next_token(shares)).reshape(-1)
        vocabulary = logits.shape[-1]
        if chosen.size != 1 or not 0 <= chosen[0] < vocabulary:
            raise ValueError(
                f"{type(sampler).__name__}.get_next_token must give one token id in "
                f"[0, {vocabulary - 1}] for probabilities of shape "
                f"{shares.shape}, got {chosen[:5]}."
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

    def allow_rows(self, weights: list[jax.Array], num_slots: int, rows: int) -> None:
        """All that this number of texts needs is compiled."""
        self._used.add(("rows", num_slots, rows, len(weights)))


@cache
def _compiled(function: Any, whole: NamedSharding | None) -> Any:
    """One for all models: it compiles for the sizes of rows and vocabulary alone."""
    return jax.jit(function, out_shardings=whole)


def _each_row(numbers: Numbers, rows: int) -> np.ndarray:
    return np.ascontiguousarray(np.broadcast_to(np.asarray(numbers, np.int32), rows))


def _forward_shape(
    weights: list[jax.Array], size: int, num_slots: int, rows: int
) -> tuple[str | int, ...]:
    """What a forward compiles for. LoRA and int8 add weights: their number counts."""
    return ("forward", size, num_slots, rows, len(weights))


def _slot_steps(first: int, full: int) -> tuple[int, ...]:
    """Ring sizes from `first` over powers of two to `full`: 384, 3000 -> 384 1024 3000.

    A step is at least twice the one before, but the last, which is at least 1.5 times.
    """
    steps = []
    while first * 3 // 2 < full:
        steps.append(first)
        first = 1 << (2 * first - 1).bit_length()
    return (*steps, full)
