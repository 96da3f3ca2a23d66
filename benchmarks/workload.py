"""What is measured, as data: groups of rows, each a question to the contenders.

The rows of a group are measured in turns, so that a machine that gets slower in between
slows all of them alike. Ratios are to be read within a group.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from benchmarks.task import Sampler, Task

OURS, KERAS_HUB, TRANSFORMERS, LLAMA_CPP = CONTENDERS = (
    "ours",
    "keras_hub",
    "transformers",
    "llama_cpp",
)
MACHINE = "machine"  # asked like a contender, in our environment
TITLES = {
    OURS: "playground",
    KERAS_HUB: "keras-hub",
    TRANSFORMERS: "transformers",
    LLAMA_CPP: "llama.cpp",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table.

    Attributes:
        name: What it says on the left; unique.
        measure: The name of a function in `benchmarks.measures`.
        cell: How its figures are written.
        arguments: What the measure is given.
        each_run: Arguments that change from run to run, in turns.
        process: "shared" with the rest of the group; or a new one for each run, whose
            folder of compiled programs is "cold" (empty) or "warm".
        runs: How many of which the median is taken, after one that is not counted where
            `warm_up` says so.
        quick: Whether `--quick` has it, once and of the playground alone.
    """

    name: str
    measure: str
    cell: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    each_run: Sequence[Mapping[str, Any]] = ({},)
    who: tuple[str, ...] = CONTENDERS
    precision: str = "float32"
    process: Literal["shared", "cold", "warm"] = "shared"
    runs: int = 3
    warm_up: bool = True
    quick: bool = False


SPEED = "{tokens_per_second:.1f}"
MEGABYTES = "{megabytes:.0f}"
LOST = "{lost_seconds:.2f} s, {programs:.0f} programs"
SHORT = Task(prompt=32, max_length=160)
BEFORE = Task(prompt=32, max_length=48)
SOME = Sampler(temperature=1.0, top_p=0.9)


def _prefill(tokens: int, window: int | None = None, **options: Any) -> Row:
    return Row(
        name=f"read, tokens/s: prompt of {tokens}{_words(window)}",
        measure="prefill",
        cell="{tokens_per_second:.0f}",
        arguments={"task": Task(prompt=tokens, max_length=tokens + 1, window=window)},
        **options,
    )


def _decode(context: int, window: int | None = None, **options: Any) -> Row:
    task = Task(
        prompt=32 if context == 160 else context - 64,
        max_length=context,
        window=window,
        may_reuse=True,
    )
    return Row(
        name=decode_row(context, window),
        measure="decode",
        cell=SPEED,
        arguments={"task": task},
        **options,
    )


def decode_row(context: int, window: int | None = None) -> str:
    """The name of a row: new tokens per second up to `context` tokens."""
    return f"write, tokens/s: context {context}{_words(window)}"


def _words(window: int | None) -> str:
    return f", window {window}" if window else ""


def _swap(what: str, before: Task, *after: Task, **options: Any) -> Row:
    return Row(
        name=f"lost at a change of {what}",
        measure="swap",
        cell=LOST,
        arguments={"before": before},
        each_run=[{"after": task} for task in after],
        warm_up=False,
        **options,
    )


def _with(**values: Any) -> Task:
    return Task(**{"prompt": 32, "max_length": 48, **values})


def _people(people: int) -> Row:
    return Row(
        name=f"tokens/s of all together: people {people}",
        measure="people",
        cell=SPEED,
        arguments={"task": Task(prompt=16, max_length=112), "people": people},
    )


START = (
    Row(
        name="first token of a new process, s: nothing compiled yet",
        measure="first_token",
        cell="{seconds:.1f}",
        arguments={"task": BEFORE},
        process="cold",
        warm_up=False,
    ),
    Row(
        name="first token of a new process, s: warm compile cache",
        measure="first_token",
        cell="{seconds:.1f}",
        arguments={"task": BEFORE},
        process="warm",
        warm_up=False,
        quick=True,
    ),
    Row(
        name="peak memory, MB: 32 tokens and 128 new ones",
        measure="memory",
        cell=MEGABYTES,
        arguments={"task": SHORT},
        process="warm",
        warm_up=False,
        runs=1,
    ),
)
SIZES = (
    Row(
        name="installed, MB",
        measure="installed",
        cell=MEGABYTES,
        runs=1,
        warm_up=False,
    ),
    Row(
        name="weights, MB",
        measure="weights",
        cell=MEGABYTES,
        runs=1,
        warm_up=False,
    ),
    Row(
        name="weights in int8, MB",
        measure="weights",
        cell=MEGABYTES,
        precision="int8",
        runs=1,
        warm_up=False,
    ),
    Row(
        name="KV cache, MB: 4096 tokens, window 256",
        measure="cache",
        cell="{megabytes:.1f}",
        arguments={"task": Task(prompt=4095, max_length=4096, window=256)},
        runs=1,
        warm_up=False,
    ),
)
READING = (
    _prefill(32, runs=5),
    _prefill(512, runs=5),
    _prefill(2048),
    _prefill(1024, 256),
    _prefill(4096, 256),
    *(
        Row(
            name=f"first token, s: prompt of 512 again{words}",
            measure="again",
            cell="{seconds:.3f}",
            arguments={
                "task": Task(prompt=512, max_length=513, may_reuse=True),
                "more": more,
            },
            runs=5,
        )
        for more, words in ((0, ""), (16, " and 16 tokens more"))
    ),
)
WRITING = (
    *(
        Row(
            name=f"memory read, GB/s: {threads} thread{'s'[: threads - 1]}",
            measure="bandwidth",
            cell="{gigabytes_per_second:.1f}",
            arguments={"threads": threads},
            who=(MACHINE,),
            runs=5,
            warm_up=False,
            quick=True,
        )
        for threads in (1, 2)
    ),
    _decode(160, runs=5),
    _decode(512),
    _decode(1024),
    _decode(2048),
    _decode(4096),
    _decode(512, 256),
    _decode(1024, 256),
    _decode(2048, 256),
    _decode(4096, 256),
)
SEARCHES = tuple(
    Row(
        name=f"write, tokens/s: context 160, {words}",
        measure="decode",
        cell=SPEED,
        arguments={"task": replace(SHORT, sampler=sampler)},
    )
    for words, sampler in (
        ("4 beams", Sampler(num_beams=4)),
        ("contrastive search over 4", Sampler(candidates=4)),
    )
)
SWAPS = (
    _swap("sampler", BEFORE, _with(sampler=SOME), quick=True),
    _swap(
        "temperature",
        _with(sampler=SOME),
        *(_with(sampler=Sampler(temperature=t, top_p=0.9)) for t in (0.7, 0.8, 1.2)),
    ),
    _swap(
        "k",
        _with(sampler=Sampler(temperature=1.0, top_k=40)),
        *(_with(sampler=Sampler(temperature=1.0, top_k=k)) for k in (20, 50, 80)),
    ),
    _swap(
        "p",
        _with(sampler=SOME),
        *(_with(sampler=Sampler(temperature=1.0, top_p=p)) for p in (0.8, 0.7, 0.95)),
    ),
    # Rare tokens, so that no run ends early.
    _swap(
        "stop ids",
        BEFORE,
        *(_with(stop_token_ids=(stop,)) for stop in (49_000, 49_001, 49_002)),
    ),
    _swap("window", BEFORE, *(_with(window=window) for window in (16, 24, 32))),
    _swap("prompt length", BEFORE, *(_with(prompt=n) for n in (20, 25, 40))),
    _swap("max_length", BEFORE, *(_with(max_length=n) for n in (56, 64, 80))),
    Row(
        name="lost at a change of the number of people",
        measure="join",
        cell=LOST,
        arguments={"task": BEFORE},
        each_run=[{"people": people} for people in (2, 4, 8)],
        warm_up=False,
    ),
)
PEOPLE = tuple(map(_people, (1, 2, 4, 8)))
SAMPLING = tuple(
    Row(
        name=f"choose from 49,152 tokens, ms: {what}, {count}",
        measure="sampling",
        cell="{milliseconds:.2f}",
        arguments={"rows": rows, "sort": sort},
        who=(OURS,),
        runs=5,
        warm_up=False,
    )
    for sort, what in ((False, "temperature, k and p"), (True, "a full sort"))
    for rows, count in ((1, "one row"), (8, "8 rows"))
)
PRECISION = tuple(
    Row(
        name=f"{precision}, {words}",
        measure=measure,
        cell=SPEED,
        arguments={"task": task},
        who=(OURS, LLAMA_CPP),
        precision=precision,
        quick=True,
    )
    for measure, words, task in (
        ("decode", "write, tokens/s: context 160", SHORT),
        ("prefill", "read, tokens/s: prompt of 512", Task(prompt=512, max_length=513)),
    )
    for precision in ("float32", "int8")
)
GROUPS: Mapping[str, Sequence[Row]] = {
    "start": START,
    "size": SIZES,
    "read": READING,
    "write": WRITING,
    "search": SEARCHES,
    "change": SWAPS,
    "people": PEOPLE,
    "sampling": SAMPLING,
    "precision": PRECISION,
}
ROWS: Mapping[str, Row] = {row.name: row for rows in GROUPS.values() for row in rows}
