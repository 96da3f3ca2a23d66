"""What the benchmark can ask of each contender."""

import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from benchmarks.task import Task


class NotApplicable(Exception):
    """This contender has no such thing."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a task gave: the new tokens, and seconds from the call to the last of them.

    `first` is the time to the first; None where no token can be seen before the last.
    """

    token_ids: list[int]
    last: float
    first: float | None = None


class Contender:
    """One way of running the model, in a process of its own.

    Nothing is loaded before the first question that needs the model. `precision` is
    "float32" or "int8"; `weights` is the folder that `benchmarks.weights` fills.
    """

    packages: tuple[str, ...]
    """What a person installs to get it."""
    streams = True
    """Whether tokens can be seen before the last of them."""

    def __init__(self, weights: Path, precision: str) -> None:
        self.weights = weights
        self.precision = precision

    def generate(self, task: Task) -> Written:
        """Do the task."""
        raise NotApplicable(task)

    def generate_together(self, tasks: Sequence[Task]) -> float:
        """Do all tasks at once; seconds until the last is done."""
        raise NotApplicable(tasks)

    def programs(self) -> int:
        """XLA programs built or read from disk so far; 0 where nothing compiles."""
        return 0

    def weights_bytes(self) -> int:
        """Memory of the weights."""
        raise NotApplicable

    def cache_bytes(self, task: Task) -> int:
        """Memory of the KV cache at the end of the task."""
        raise NotApplicable(task)

    def sampling_seconds(self, rows: int, sort: bool) -> float:
        """Time to choose a token for each row; or to sort the rows, for comparison."""
        raise NotApplicable(rows, sort)

    def bandwidth(self, threads: int) -> float:
        """Bytes that are read from memory in a second."""
        raise NotApplicable(threads)

    def settle(self) -> None:
        """Load, and wait for what it does in the background."""

    def prepare(self) -> None:
        """Write the shared weights in the form that this contender reads best."""

    def versions(self) -> dict[str, str]:
        return {name: distribution(name).version for name in self.packages}

    def installed_bytes(self) -> int:
        """Size on disk of the packages and all that they need."""
        needed = _closure(self.packages)
        return sum(_size(name) for name in needed)


def peak_bytes() -> int:
    """The most memory that this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def _closure(packages: Sequence[str]) -> set[str]:
    """The packages, what they require, what those require, and so on."""
    found: set[str] = set()
    open_ends = [(name, frozenset[str]()) for name in packages]
    seen: set[tuple[str, frozenset[str]]] = set()
    while open_ends:
        name, extras = open_ends.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            required = distribution(name).requires or []
        except PackageNotFoundError:  # needed on other systems only, or left out
            continue
        found.add(distribution(name).metadata["Name"].lower().replace("_", "-"))
        open_ends += _required(required, extras)
    return found


def _required(
    lines: Sequence[str], extras: frozenset[str]
) -> Iterator[tuple[str, frozenset[str]]]:
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(
            marker.evaluate({"extra": extra}) for extra in (extras or {""})
        ):
            yield requirement.name, frozenset(requirement.extras)


def _size(name: str) -> int:
    files = distribution(name).files or []
    paths = [Path(str(file.locate())) for file in files]
    return sum(path.stat().st_size for path in paths if path.is_file())
