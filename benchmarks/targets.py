"""The targets, as data: each a number worked out from the measured rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.runner import Cells
from benchmarks.workload import (
    KERAS_HUB,
    LLAMA_CPP,
    MACHINE,
    OURS,
    SWAPS,
    TRANSFORMERS,
    decode_row,
)


class NotMeasured(Exception):
    """A row that a target needs has no figure; says which."""


class Measured:
    """The medians, by row, contender and name."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    def __call__(self, row: str, who: str = OURS, name: str = "") -> float:
        """The figure `name` of a row, by default its only or first one."""
        cell = self._cells.get(row, {}).get(who)
        figures = cell.figures if cell else {}
        if not figures:
            raise NotMeasured(f"{row} ({who})")
        value: float = figures[name] if name else next(iter(figures.values()))
        return value

    def ratio(self, row: str, peer: str) -> float:
        """Our figure of a row over a peer's."""
        return self(row) / self(row, peer)

    def bandwidth(self) -> float:
        """Bytes per second that memory gives, with as many threads as are best."""
        return 1e9 * max(self(row, MACHINE) for row in BANDWIDTHS)

    def share_of_bound(self, who: str = OURS) -> float:
        """Decoding at context 160 over what memory allows: each token reads all the
        weights once."""
        weights = 1e6 * self("weights, MB")
        return self(WRITE_160, who) * weights / self.bandwidth()


@dataclass(frozen=True, kw_only=True)
class Target:
    """`value` should be at least, or at most, `bound`."""

    what: str
    value: Callable[[Measured], float]
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "x"

    @property
    def bound(self) -> str:
        if self.at_least is not None:
            return f"at least {self.at_least:g}{self.unit}"
        return f"at most {self.at_most:g}{self.unit}"

    def is_met(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most


def judge(target: Target, measured: Measured) -> dict[str, Any]:
    """The target, its value and whether it is met; both None where a row is missing."""
    said = {"what": target.what, "bound": target.bound}
    try:
        value = target.value(measured)
    except NotMeasured as missing:
        return said | {"value": None, "met": None, "missing": str(missing)}
    shown = f"{value:.3g}{target.unit}"
    return said | {"value": value, "shown": shown, "met": target.is_met(value)}


BANDWIDTHS = ("memory read, GB/s: 1 thread", "memory read, GB/s: 2 threads")
WRITE_160 = decode_row(160)
WRITE_512, WRITE_1024 = decode_row(512), decode_row(1024)
WRITE_512_W, WRITE_4096_W = decode_row(512, 256), decode_row(4096, 256)
READ_512 = "read, tokens/s: prompt of 512"
READ_1024_W = "read, tokens/s: prompt of 1024, window 256"
READ_4096_W = "read, tokens/s: prompt of 4096, window 256"
KV = "KV cache, MB: 4096 tokens, window 256"
WARM = "first token of a new process, s: warm compile cache"
SAMPLE = "choose from 49,152 tokens, ms: temperature, k and p, {}"
INT8, FLOAT32 = (f"{p}, write, tokens/s: context 160" for p in ("int8", "float32"))


def _over_one(people: int) -> Callable[[Measured], float]:
    row = "tokens/s of all together: people {}".format
    return lambda m: m(row(people)) / m(row(1))


def _most(name: str) -> Callable[[Measured], float]:
    return lambda m: max(m(row.name, OURS, name) for row in SWAPS)


def _microseconds_a_slot(m: Measured) -> float:
    """What the slots 513 to 1,024 add to a step; rings have 512 or 1,024 slots."""
    return 1e6 * (1 / m(WRITE_1024) - 1 / m(WRITE_512)) / 512


TARGETS = (
    Target(
        what="any change: programs compiled",
        value=_most("programs"),
        at_most=0,
        unit="",
    ),
    Target(
        what="any change: time lost, in decode steps",
        value=lambda m: _most("lost_seconds")(m) * m(WRITE_160),
        at_most=2,
        unit="",
    ),
    Target(
        what="write, context 160, over keras-hub",
        value=lambda m: m.ratio(WRITE_160, KERAS_HUB),
        at_least=1.5,
    ),
    Target(
        what="write, context 160, over transformers",
        value=lambda m: m.ratio(WRITE_160, TRANSFORMERS),
        at_least=2.5,
    ),
    Target(
        what="write, context 160, over llama.cpp",
        value=lambda m: m.ratio(WRITE_160, LLAMA_CPP),
        at_least=0.9,
    ),
    Target(
        what="write, context 160, share of the memory bound",
        value=lambda m: 100 * m.share_of_bound(),
        at_least=80,
        unit=" %",
    ),
    Target(
        what="write, window 256, context 4096 over our own 512",
        value=lambda m: m(WRITE_4096_W) / m(WRITE_512_W),
        at_least=0.95,
    ),
    Target(
        what="write, window 256, context 4096, over keras-hub",
        value=lambda m: m.ratio(WRITE_4096_W, KERAS_HUB),
        at_least=8,
    ),
    Target(
        what="cost of a slot per token, 513 to 1,024 slots",
        value=_microseconds_a_slot,
        at_most=4,
        unit=" us",
    ),
    Target(
        what="whole step, context 1024 over context 160",
        value=lambda m: m(WRITE_1024) / m(WRITE_160),
        at_least=0.85,
    ),
    Target(
        what="read 512, over llama.cpp",
        value=lambda m: m.ratio(READ_512, LLAMA_CPP),
        at_least=0.8,
    ),
    Target(
        what="read, window 256, 4096 over 1024: 1 is linear",
        value=lambda m: m(READ_4096_W) / m(READ_1024_W),
        at_least=0.9,
    ),
    Target(
        what="read, window 256, 4096, over keras-hub",
        value=lambda m: m.ratio(READ_4096_W, KERAS_HUB),
        at_least=2.5,
    ),
    Target(
        what="read, window 256, 4096, over transformers",
        value=lambda m: m.ratio(READ_4096_W, TRANSFORMERS),
        at_least=2.5,
    ),
    *(
        Target(
            what=f"{people} people over one",
            value=_over_one(people),
            at_least=times,
        )
        for people, times in ((2, 1.3), (4, 2.4), (8, 4.0))
    ),
    Target(
        what="choose from 49,152, one row",
        value=lambda m: m(SAMPLE.format("one row")),
        at_most=1.2,
        unit=" ms",
    ),
    Target(
        what="choose from 49,152, 8 rows",
        value=lambda m: m(SAMPLE.format("8 rows")),
        at_most=5.5,
        unit=" ms",
    ),
    Target(
        what="KV cache, 4096 tokens, window 256, over keras-hub's",
        value=lambda m: m.ratio(KV, KERAS_HUB),
        at_most=0.1,
    ),
    Target(
        what="first token, warm compile cache, over keras-hub's",
        value=lambda m: m.ratio(WARM, KERAS_HUB),
        at_most=0.333,
    ),
    Target(
        what="installed size over keras-hub's",
        value=lambda m: m.ratio("installed, MB", KERAS_HUB),
        at_most=0.45,
    ),
    Target(
        what="int8: memory of the weights over float32's",
        value=lambda m: m("weights in int8, MB") / m("weights, MB"),
        at_most=0.334,
    ),
    Target(
        what="int8: write, context 160, over float32",
        value=lambda m: m(INT8) / m(FLOAT32),
        at_least=1.25,
    ),
)
