"""`make bench`: measure the playground, and others where they are installed.

    python -m benchmarks [--quick] [--only WORDS] [--runs N] [--add]
    python -m benchmarks --show [--docs]

Prints Markdown and writes build/bench/report.json, after each answer: what was measured
before an interruption stays, and the same command goes on from there.
"""

import argparse
import hashlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.process import ROOT
from benchmarks.report import (
    markdown,
    put_between_markers,
    read_cells,
    report,
    write_whole,
)
from benchmarks.runner import Bench, Cells, prepare, versions
from benchmarks.weights import ready, write_shared
from benchmarks.workload import (
    GROUPS,
    KERAS_HUB,
    LLAMA_CPP,
    MACHINE,
    OURS,
    TRANSFORMERS,
    Row,
)
from playground.interface.console import write_any_text

FOLDER = ROOT / "build" / "bench"
PEERS = ROOT / ".venv-peers" / "bin" / "python"
DOCS = ROOT / "docs" / "performance.md"


def main() -> None:
    write_any_text()
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    path = FOLDER / "report.json"
    if options.show:
        cells, told = read_cells(path)
    else:
        commands = _commands(alone=options.quick)
        runs = 1 if options.quick else options.runs
        cells, told = measure(options.rows, runs, commands, add=options.add)
        print(f"Written to {path.relative_to(ROOT)}", file=sys.stderr)
    text = markdown(cells, told)
    print(text)
    if options.docs:
        put_between_markers(DOCS, text)
        print(f"Written into {DOCS.relative_to(ROOT)}", file=sys.stderr)


def measure(
    groups: Mapping[str, Sequence[Row]],
    runs: int,
    commands: Mapping[str, Sequence[str]],
    *,
    add: bool = False,
) -> tuple[Cells, dict[str, Any]]:
    """Ask everybody, and write the report after each answer.

    One that was interrupted goes on where it was, if the same is asked of the same
    code. `add` keeps the last report's other rows.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "report.json"
    bench = Bench(commands=commands, folder=FOLDER, most_runs=runs)
    known = versions(bench)
    bench = replace(bench, commands=_only(commands, known))
    asked = {
        "code": _fingerprint(),
        "rows": [row.name for rows in groups.values() for row in rows],
        "runs": runs,
        "versions": known,
    }
    cells, earlier = _of_last_time(path, asked)
    if not add:
        earlier = Cells()

    def told(finished: bool) -> dict[str, Any]:
        whole = report(_merged(earlier, cells), known)
        begun = [*_merged({}, cells)]
        return whole if finished else {**whole, "unfinished": [asked, begun]}

    finished = False
    try:
        if len(known) > 1:
            if not ready(FOLDER / "weights"):
                write_shared(FOLDER / "weights")
            prepare(bench)
        bench.run(groups, cells, keep=lambda: write_whole(path, told(False)))
        finished = True
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on from here.", file=sys.stderr)
    whole = told(finished)
    write_whole(path, whole)
    return _merged(earlier, cells), whole


def _merged(earlier: Cells, cells: Cells) -> Cells:
    """A row that nobody has answered yet does not replace the earlier one."""
    answered = {
        name: answers
        for name, answers in cells.items()
        if any(c.runs or c.fault or not c.applies for c in answers.values())
    }
    return {**earlier, **answered}


def _of_last_time(path: Path, asked: Mapping[str, Any]) -> tuple[Cells, Cells]:
    """What was measured of this before an interruption; and all other rows."""
    if not path.is_file():
        return Cells(), Cells()
    cells, stored = read_cells(path)
    before, measured = stored.get("unfinished", (None, []))
    if before != asked:
        return Cells(), cells
    print(f"Going on: {len(measured)} rows were begun before.", file=sys.stderr)
    begun = {name: cells.pop(name) for name in measured}
    return begun, cells


def _fingerprint() -> str:
    """Another one for other code: figures of two codes are not mixed."""
    files = sorted(
        p for f in ("benchmarks", "playground") for p in (ROOT / f).rglob("*.py")
    )
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _commands(alone: bool) -> dict[str, Sequence[str]]:
    """How each contender is started; `alone` without the peers."""
    ours = (sys.executable, "-m", "benchmarks.child")
    commands: dict[str, Sequence[str]] = {OURS: ours, MACHINE: ours}
    if not alone and os.access(PEERS, os.X_OK):
        peers = (str(PEERS), *ours[1:])
        commands |= dict.fromkeys((KERAS_HUB, TRANSFORMERS, LLAMA_CPP), peers)
    return commands


def _only(
    commands: Mapping[str, Sequence[str]], known: Mapping[str, Any]
) -> dict[str, Sequence[str]]:
    return {who: words for who, words in commands.items() if who in {*known, MACHINE}}


def chosen_rows(quick: bool, only: Sequence[str]) -> dict[str, list[Row]]:
    """The rows that `--quick` and `--only` leave, by group.

    Raises ValueError for words that no row has, with the rows that there are.
    """
    all_rows = [
        f"{name}: {row.name}"
        for name, rows in GROUPS.items()
        for row in rows
        if row.quick or not quick
    ]
    for words in only:
        if not any(words in each for each in all_rows):
            listed = "\n".join(all_rows)
            raise ValueError(f"{words!r} is in none of these rows:\n{listed}")
    chosen = {
        name: [
            row
            for row in rows
            if (row.quick or not quick)
            and any(words in f"{name}: {row.name}" for words in only or [""])
        ]
        for name, rows in GROUPS.items()
    }
    return {name: rows for name, rows in chosen.items() if rows}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.partition("\n")[0]
    )
    add = parser.add_argument
    add(
        "--quick",
        action="store_true",
        help="some minutes: eight rows, each once after its warm-up, no peers",
    )
    add(
        "--only",
        action="append",
        default=[],
        metavar="WORDS",
        help="only rows with these words in `group: name`, groups being "
        + ", ".join(GROUPS),
    )
    add("--runs", type=int, default=100, metavar="N", help="at most so many for a row")
    add("--add", action="store_true", help="keep the last report's other rows")
    add("--show", action="store_true", help="measure nothing, show the last report")
    add("--docs", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    try:
        options.rows = chosen_rows(options.quick, options.only)
    except ValueError as fault:
        parser.error(str(fault))
    return options


if __name__ == "__main__":
    main()
