"""What a cache takes in memory: a ring against the full length, and shared heads.

    bytes = 2 (keys and values) * layers * key/value heads * head_dim * slots * dtype

and 4 for each slot's position. Worked example: 2 layers, 2 key/value heads of size 8 in
float32 are 256 bytes a slot; a ring of 10 slots takes 2,600, and 100 slots 26,000.
"""

from dataclasses import astuple, dataclass
from typing import Protocol

from playground.engine.kv_cache import slots_needed
from playground.models.places import whole
from playground.views.view import Table
from playground.views.window import counted

POSITION_BYTES = 4
DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, kw_only=True)
class CacheSize:
    """One way of keeping a text: `what` it is, and its size."""

    what: str
    slots: int
    heads: int
    dtype: str
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class MemoryView:
    """The same text kept in several ways; the first is what this run uses."""

    num_tokens: int
    sizes: tuple[CacheSize, ...]

    @property
    def title(self) -> str:
        return f"Memory of the cache for {counted(self.num_tokens, 'token')}"

    def words(self) -> str:
        mine, *others = self.sizes
        told = [f"{mine.what}: {in_words(mine.num_bytes)}."]
        for other in others:
            times = other.num_bytes / mine.num_bytes
            many = f"{times:,.0f}" if times >= 10 else f"{times:.2g}"
            told.append(f"{other.what}: {in_words(other.num_bytes)}, {many} times.")
        return " ".join(told)

    def table(self) -> Table:
        columns = ("cache", "slots", "key/value heads", "dtype", "bytes")
        return Table(columns=columns, rows=tuple(map(astuple, self.sizes)))


class _Sizes(Protocol):
    num_layers: int
    num_query_heads: int
    num_key_value_heads: int
    head_dim: int
    compute_dtype: str


def memory_view(
    backbone: _Sizes, num_tokens: int, num_slots: int, window: int, chunk: int
) -> MemoryView:
    """The cache of a run that read `num_tokens` into a ring of `num_slots`.

    `chunk` is the largest in which prompts are read. Raises ValueError for a dtype that
    a cache cannot have.
    """
    sizes_given = {"num_tokens": num_tokens, "num_slots": num_slots}
    num_tokens, num_slots, window, chunk = (
        whole(name, value, 1)
        for name, value in {**sizes_given, "window": window, "chunk": chunk}.items()
    )
    dtype = backbone.compute_dtype
    if dtype not in DTYPE_BYTES:
        raise ValueError(f"A cache is {' or '.join(DTYPE_BYTES)}, not {dtype!r}.")
    grouped, all_heads = backbone.num_key_value_heads, backbone.num_query_heads
    full = slots_needed(10**9, window, chunk)
    other = "bfloat16" if dtype == "float32" else "float32"

    def size(what: str, slots: int, heads: int, kind: str = dtype) -> CacheSize:
        return CacheSize(
            what=what,
            slots=slots,
            heads=heads,
            dtype=kind,
            num_bytes=cache_bytes(backbone, slots, heads, kind),
        )

    sizes = [
        size("This run's ring", num_slots, grouped),
        size("The largest ring of this window", full, grouped),
        size("A slot for each token", num_tokens, grouped),
        size(f"The ring in {other}", num_slots, grouped, other),
    ]
    if grouped < all_heads:
        sizes.append(size("The ring without shared heads", num_slots, all_heads))
    return MemoryView(num_tokens=num_tokens, sizes=tuple(sizes))


def cache_bytes(backbone: _Sizes, slots: int, heads: int, dtype: str) -> int:
    """Bytes of a cache of one row."""
    numbers = 2 * backbone.num_layers * heads * backbone.head_dim
    return slots * (numbers * DTYPE_BYTES[dtype] + POSITION_BYTES)


def in_words(num_bytes: int) -> str:
    """`820 bytes`, `1.5 KB`, `88.5 MB`; 1 MB is 1,000,000 bytes."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.3g} {unit}"
    return counted(num_bytes, "byte")
