"""What was measured, as JSON and as Markdown that reads well in a terminal too."""

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # no types

from benchmarks.runner import Cell, Cells
from benchmarks.targets import TARGETS, WRITE_160, Measured, NotMeasured, judge
from benchmarks.workload import CONTENDERS, LLAMA_CPP, MACHINE, OURS, ROWS, TITLES

SCHEMA = "mistral-playground/bench/1"
BEGIN, END = "<!-- make bench -->", "<!-- end of make bench -->"
LONGEST_FAULT = 40  # characters of an error that a cell shows; JSON has all
NUM_SHARED_TOKENS = 16  # of the greedy answers, that are compared


def report(cells: Cells, versions: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Everything, ready for JSON."""
    measured = Measured(cells)
    return {
        "schema": SCHEMA,
        "machine": machine(),
        "versions": versions,
        "rows": {
            row: {
                who: {**asdict(cell), "median": cell.figures}
                for who, cell in answers.items()
            }
            for row, answers in cells.items()
        },
        "targets": [judge(target, measured) for target in TARGETS],
    }


def write_whole(path: Path, told: dict[str, Any]) -> None:
    """As JSON. The file is the old one or the new one, whenever this is ended."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(told, indent=1), encoding="utf-8")
    os.replace(part, path)


def read_cells(path: Path) -> tuple[Cells, dict[str, Any]]:
    """The cells of a report in JSON, and the report."""
    stored = json.loads(path.read_text())
    cells = {
        row: {
            who: Cell(cell["runs"], cell["fault"], cell["applies"])
            for who, cell in answers.items()
        }
        for row, answers in stored["rows"].items()
    }
    return cells, stored


def machine() -> dict[str, Any]:
    """What it was measured on, and when."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gigabytes": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
    return next(names, platform.machine()).strip()


def markdown(cells: Cells, told: dict[str, Any]) -> str:
    """One table of figures, one of targets, and what must be known to read them."""
    contenders = [who for who in CONTENDERS if who in told["versions"]]
    parts = [
        _heading(told, contenders),
        _table(
            ["", *(TITLES[who] for who in contenders)],
            list(_lines(cells, contenders)),
        ),
        *_notes(cells, contenders),
        "Targets, worked out from the same figures:",
        _table(["", "target", "measured", ""], list(map(_verdict, told["targets"]))),
    ]
    return "\n\n".join(parts) + "\n"


def _heading(told: dict[str, Any], contenders: Sequence[str]) -> str:
    m = told["machine"]
    packages = {
        name: version
        for who in contenders
        for name, version in told["versions"][who].items()
    }
    listed = ", ".join(f"{name} {version}" for name, version in packages.items())
    return (
        f"{m['date']}: {m['cores']} cores ({m['processor']}, {m['system']}), "
        f"{m['memory_gigabytes']} GB, Python {m['python']}; {listed}."
    )


def _lines(cells: Cells, contenders: Sequence[str]) -> Iterator[list[str]]:
    for name, row in ROWS.items():
        answers = cells.get(name, {})
        if MACHINE in answers:  # one for all
            answers = dict.fromkeys([OURS], answers[MACHINE])
        if answers:
            shown = (_cell(row.cell, answers.get(who)) for who in contenders)
            yield [name, *shown]
        if name == WRITE_160 and answers:
            yield ["share of the memory bound", *_shares(cells, contenders)]


def _shares(cells: Cells, contenders: Sequence[str]) -> Iterator[str]:
    for who in contenders:
        try:
            yield f"{Measured(cells).share_of_bound(who):.0%}"
        except NotMeasured:
            yield "-"


def _cell(words: str, cell: Cell | None) -> str:
    if cell is None or not cell.applies:
        return "-"
    if cell.fault:
        fault = cell.fault.replace("|", "/").replace("\n", " ")
        return f"failed: {fault[:LONGEST_FAULT]}"
    return words.format(**cell.figures) if cell.runs else "-"


def _verdict(judged: dict[str, Any]) -> list[str]:
    if judged["met"] is None:
        return [judged["what"], judged["bound"], "-", "not measured"]
    met = "met" if judged["met"] else "**missed**"
    return [judged["what"], judged["bound"], judged["shown"], met]


def _notes(cells: Cells, contenders: Sequence[str]) -> Iterator[str]:
    missing = [TITLES[who] for who in CONTENDERS if who not in contenders]
    if missing:
        yield f"Not here: {', '.join(missing)}. `make bench-peers` installs them."
    said = {
        who: cell.figures["token_ids"][:NUM_SHARED_TOKENS]
        for who, cell in cells.get(WRITE_160, {}).items()
        if cell.runs
    }
    if len(said) > 1:
        different = [TITLES[who] for who in said if said[who] != said.get(OURS)]
        yield (
            f"Not the same greedy tokens as ours: {', '.join(different)}."
            if different
            else f"All wrote the same {NUM_SHARED_TOKENS} greedy tokens at context 160."
        )
    if LLAMA_CPP in contenders:
        yield "int8 is Q8_0 in llama.cpp."


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns stand in line."""
    rows = [head, *lines]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    first, *rest = (_line(row, widths) for row in rows)
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([first, rule, *rest])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return "| " + " | ".join(cells) + " |"


def put_between_markers(page: Path, text: str) -> None:
    """Replace what the page has between the two markers. ValueError without them."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} must have the lines {BEGIN} and {END}.")
    page.write_text(f"{before}{BEGIN}\n{text}{END}{after}")
