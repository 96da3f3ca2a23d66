"""Asks the contenders row by row and run by run, and keeps what they answered."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.process import Child, ChildError, NoAnswer
from benchmarks.workload import MACHINE, OURS, Row

TIMEOUT = 900.0


@dataclass
class Cell:
    """What one contender answered to one row: its runs, or why there are none."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""
    applies: bool = True

    @property
    def figures(self) -> dict[str, Any]:
        """The median of each number; what is no number, as in the first run."""
        first = self.runs[0] if self.runs else {}
        return {
            name: median(run[name] for run in self.runs)
            if isinstance(value, int | float)
            else value
            for name, value in first.items()
        }


Cells = dict[str, dict[str, Cell]]
"""By the row's name, then by contender."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """How to start the contenders, and where their files lie.

    `commands` start a contender's process, by its name; who has none does not take
    part. Name, weights' folder and precision follow.
    """

    commands: Mapping[str, Sequence[str]]
    folder: Path
    most_runs: int = 100
    timeout: float = TIMEOUT

    @property
    def contenders(self) -> list[str]:
        return [name for name in self.commands if name != MACHINE]

    def run(
        self,
        groups: Mapping[str, Sequence[Row]],
        cells: Cells,
        keep: Callable[[], None] = lambda: None,
    ) -> None:
        """Fill `cells`, and go on where it has runs already; `keep` after each run."""
        for name, rows in groups.items():
            with self._crew() as crew:
                for row, who, run in self._turns(rows):
                    cell = cells.setdefault(row.name, {}).setdefault(who, Cell())
                    if self._has(cell, row, run):
                        continue
                    self._take(crew, row, who, run, cell)
                    keep()
                    _say(f"{name}: {row.name} · {who} · {_words(row, run, cell)}")

    def _has(self, cell: Cell, row: Row, run: int) -> bool:
        """Whether there is nothing to ask: what it says is known, or it cannot say."""
        complete = len(cell.runs) >= min(row.runs, self.most_runs)
        known = complete or 0 <= run < len(cell.runs)
        return known or bool(cell.fault) or not cell.applies

    def _turns(self, rows: Sequence[Row]) -> Iterator[tuple[Row, str, int]]:
        """(row, contender, run): every row once, then again; run -1 does not count."""
        for run in range(-1, self.most_runs):
            for row in rows:
                if (run < 0 and not row.warm_up) or run >= row.runs:
                    continue
                for who in row.who:
                    if who in self.commands:
                        yield row, who, run

    def _take(self, crew: "Crew", row: Row, who: str, run: int, cell: Cell) -> None:
        arguments = {**row.arguments, **row.each_run[max(run, 0) % len(row.each_run)]}
        try:
            figures = crew.ask(row, who, arguments)
        except ChildError as error:
            cell.fault = str(error)
            return
        if figures is None:
            cell.applies = False
        elif run >= 0:
            cell.runs.append(figures)

    @contextmanager
    def _crew(self) -> Iterator["Crew"]:
        crew = Crew(self)
        try:
            yield crew
        finally:
            crew.close()


class Crew:
    """The processes of a group: one for each contender and precision."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._children: dict[tuple[str, str], Child] = {}

    def ask(
        self, row: Row, who: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """The figures of one run. Raises ChildError."""
        if row.process != "shared":
            return self._ask_a_new_one(row, who, arguments)
        key = (who, row.precision)
        if key not in self._children:
            self._children[key] = self._start(who, row.precision, {})
        try:
            return self._children[key].ask(row.measure, arguments, self._bench.timeout)
        except NoAnswer:
            del self._children[key]
            raise

    def _ask_a_new_one(
        self, row: Row, who: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """In a process that ends again; a "warm" one follows one that was there."""
        programs = self._bench.folder / "programs" / who
        if row.process == "cold":
            shutil.rmtree(programs, ignore_errors=True)
        elif not programs.exists():
            programs.mkdir(parents=True)
            self._ask_a_new_one(row, who, arguments)
        programs.mkdir(parents=True, exist_ok=True)
        environment = {
            "JAX_COMPILATION_CACHE_DIR": str(programs),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        started = time.time()
        child = self._start(who, row.precision, environment)
        clock = {"started": started} if row.measure == "first_token" else {}
        try:
            return child.ask(row.measure, {**arguments, **clock}, self._bench.timeout)
        finally:
            child.close()

    def _start(self, who: str, precision: str, environment: Mapping[str, str]) -> Child:
        folder = self._bench.folder
        weights = folder / "weights"
        command = [*self._bench.commands[who], who, str(weights), precision]
        return Child(command, folder / f"{who}-{precision}.log", environment)

    def ask_about(self, who: str, measure: str) -> dict[str, Any] | None:
        """A question that is no row. Raises ChildError."""
        child = self._start(who, "float32", {})
        try:
            return child.ask(measure, {}, self._bench.timeout)
        finally:
            child.close()

    def close(self) -> None:
        for child in self._children.values():
            child.close()
        self._children.clear()


def versions(bench: Bench) -> dict[str, dict[str, str]]:
    """What each contender is; who cannot even say that is left out."""
    found: dict[str, dict[str, str]] = {}
    for who in bench.contenders:
        try:
            found[who] = Crew(bench).ask_about(who, "versions") or {}
        except ChildError as error:
            _say(f"{who} takes no part: {error}")
    return found


def prepare(bench: Bench) -> None:
    """Let every peer have the weights in its own form, once."""
    for who in bench.contenders:
        done = bench.folder / "weights" / f".{who}"
        if who == OURS or done.exists():
            continue
        _say(f"weights for {who}")
        try:
            Crew(bench).ask_about(who, "prepare")
        except ChildError as error:
            _say(f"{who}: {error}")
        else:
            done.touch()


def _words(row: Row, run: int, cell: Cell) -> str:
    if cell.fault:
        return cell.fault
    if not cell.applies:
        return "has no such thing"
    if run < 0:
        return "ready"
    return f"run {run + 1}: {row.cell.format(**cell.runs[-1])}"


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
