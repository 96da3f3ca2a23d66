"""The benchmark's parent: its turns, its table and its targets, without any model."""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import chosen_rows, measure
from benchmarks.contender import Contender, Written
from benchmarks.measures import MEASURES, decode, first_token, people, swap
from benchmarks.report import (
    BEGIN,
    END,
    markdown,
    put_between_markers,
    read_cells,
    report,
)
from benchmarks.runner import Bench, Cell, Cells, versions
from benchmarks.targets import TARGETS, Measured, Target, judge
from benchmarks.task import Sampler, Task, read_task
from benchmarks.workload import (
    CONTENDERS,
    GROUPS,
    KERAS_HUB,
    MACHINE,
    OURS,
    ROWS,
    TRANSFORMERS,
    Row,
    decode_row,
)

FAKE = Path(__file__).with_name("fake_contender.py")
TASK = Task(prompt=8, max_length=12)


def bench(folder: Path, *names: str, **options: Any) -> Bench:
    commands = {name: (sys.executable, str(FAKE)) for name in names}
    return Bench(commands=commands, folder=folder, **options)


def row(name: str, behave: str = "", **options: Any) -> Row:
    settings = {"measure": "prefill", "cell": "{tokens_per_second:.0f}", **options}
    return Row(name=name, arguments={"behave": behave, "task": TASK}, **settings)


def run(bench: Bench, *rows: Row) -> Cells:
    cells: Cells = {}
    bench.run({"group": rows}, cells)
    return cells


def speeds(cell: Cell) -> list[float]:
    return [figures["tokens_per_second"] for figures in cell.runs]


def test_rows_take_turns_after_one_run_each_that_does_not_count(tmp_path):
    cells = run(bench(tmp_path, OURS, KERAS_HUB), row("a"), row("b", runs=2))
    # The answers of one process count on: 10 and 20 are the warm-ups of a and b.
    for who in (OURS, KERAS_HUB):
        assert speeds(cells["a"][who]) == [30, 50, 70]
        assert speeds(cells["b"][who]) == [40, 60]
        assert cells["a"][who].figures["tokens_per_second"] == 50
        assert cells["a"][who].figures["token_ids"] == [1, 2]


def test_a_fault_is_a_cell_and_the_others_go_on(tmp_path):
    some = bench(tmp_path, OURS, TRANSFORMERS, timeout=1.0)
    cells = run(
        some,
        row("fails", "fail", who=(TRANSFORMERS,)),
        row("declines", "decline", who=(TRANSFORMERS,)),
        row("dies", "die", who=(TRANSFORMERS,)),
        row("hangs", "hang", who=(TRANSFORMERS,)),
        row("works"),
    )
    peer = {name: cells[name][TRANSFORMERS] for name in cells}
    assert peer["fails"].fault == "ValueError: no | such\nthing"
    assert not peer["declines"].applies
    assert peer["dies"].fault == "Killed in the middle"
    assert peer["hangs"].fault == "no answer in 1 s"
    assert len(speeds(peer["works"])) == len(speeds(cells["works"][OURS])) == 3


def test_a_start_is_a_process_of_its_own_each_time(tmp_path):
    options = {"cell": "{seconds:.1f}", "runs": 2, "warm_up": False}
    cold = row("cold", measure="first_token", process="cold", **options)
    cells = run(bench(tmp_path, OURS), cold)
    assert [each["processes"] for each in cells["cold"][OURS].runs] == [1, 1]
    assert all(0 < each["seconds"] < 30 for each in cells["cold"][OURS].runs)


def test_who_is_not_installed_takes_no_part(tmp_path, capsys):
    known = versions(bench(tmp_path, *CONTENDERS[::3]))
    assert known == {OURS: {OURS: "1.0"}}
    assert "No module named 'llama_cpp'" in capsys.readouterr().err


def test_an_interruption_keeps_what_was_measured(tmp_path, monkeypatch):
    cells: Cells = {}
    take, calls = Bench._take, []

    def interrupted(self: Bench, *arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        take(self, *arguments)

    monkeypatch.setattr(Bench, "_take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench(tmp_path, OURS).run({"group": [row("a", warm_up=False)]}, cells)
    assert speeds(cells["a"][OURS]) == [10, 20]


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Measures one row after the other, until the answer of this number."""
    monkeypatch.setattr("benchmarks.__main__.FOLDER", tmp_path)
    commands = bench(tmp_path, OURS).commands
    take = Bench._take

    def measured(*names: str, stop: int = 99, runs: int = 2, **options: Any):
        calls: list[str] = []

        def take_or_stop(self: Bench, crew: Any, row: Row, *rest: Any) -> None:
            if len(calls) == stop:
                raise KeyboardInterrupt
            calls.append(row.name)
            take(self, crew, row, *rest)

        monkeypatch.setattr(Bench, "_take", take_or_stop)
        rows = [row(name, warm_up=False) for name in names]
        cells, told = measure({"group": rows}, runs, commands, **options)
        assert read_cells(tmp_path / "report.json") == (cells, told)
        return {name: speeds(cells[name][OURS]) for name in cells}, calls

    return measured


def test_an_interrupted_bench_goes_on_where_it_was(ask, capsys):
    assert ask("a", "b", stop=3) == ({"a": [10, 30], "b": [20]}, ["a", "b", "a"])
    assert "the same command goes on" in capsys.readouterr().err
    # A new process counts from the beginning.
    assert ask("a", "b") == ({"a": [10, 30], "b": [20, 10]}, ["b"])
    assert ask("a", "b")[1] == ["a", "b", "a", "b"]  # complete, so it begins again


def test_a_killed_bench_has_written_what_it_had(ask, monkeypatch):
    written = []
    monkeypatch.setattr(
        "benchmarks.__main__.write_whole", lambda _, told: written.append(told["rows"])
    )
    with pytest.raises(FileNotFoundError):  # by `ask`, as nothing is written
        ask("a", "b", runs=1)
    assert [sorted(rows) for rows in written] == [["a"], ["a", "b"], ["a", "b"]]


@pytest.mark.parametrize("other", ["rows", "runs", "code"])
def test_what_is_asked_otherwise_begins_again(ask, other, monkeypatch):
    ask("a", "b", stop=1)
    if other == "code":
        monkeypatch.setattr("benchmarks.__main__._fingerprint", lambda: "other")
    names = ("a",) if other == "rows" else ("a", "b")
    assert ask(*names, runs=1 if other == "runs" else 2)[1][0] == "a"


def test_other_rows_of_the_last_report_stay_when_wanted(ask):
    ask("a", "b", runs=1)
    assert ask("b", runs=1, add=True)[0] == {"a": [10], "b": [10]}
    assert ask("b", stop=0, add=True)[0] == {"a": [10], "b": [10]}
    assert ask("b", runs=1)[0] == {"b": [10]}


def test_words_that_no_row_has_are_refused_with_the_rows_there_are():
    with pytest.raises(ValueError, match=r"'poeple' is in none[^\0]*people: tokens/s"):
        chosen_rows(quick=False, only=["people", "poeple"])
    with pytest.raises(ValueError, match="'4096' is in none"):
        chosen_rows(quick=True, only=["4096"])


def cell(**figures: Any) -> Cell:
    return Cell(runs=[figures])


def test_the_table_has_a_column_for_each_contender_and_words_for_what_is_missing():
    cells: Cells = {
        decode_row(160): {
            OURS: cell(tokens_per_second=30.0, token_ids=[1, 2]),
            KERAS_HUB: cell(tokens_per_second=20.04, token_ids=[1, 3]),
        },
        decode_row(512): {KERAS_HUB: Cell(fault="a | b\nc"), OURS: Cell(applies=False)},
        "weights, MB": {OURS: cell(megabytes=500.0)},
        "memory read, GB/s: 1 thread": {MACHINE: cell(gigabytes_per_second=20.0)},
        "memory read, GB/s: 2 threads": {MACHINE: cell(gigabytes_per_second=25.0)},
    }
    known = {OURS: {"keras": "3"}, KERAS_HUB: {"keras-hub": "0.32"}}
    text = markdown(cells, report(cells, known))
    lines = [re.sub(" +", " ", line) for line in text.splitlines()]
    assert "| | playground | keras-hub |" in lines
    assert f"| {decode_row(160)} | 30.0 | 20.0 |" in lines
    assert "| share of the memory bound | 60% | 40% |" in lines  # of 25e9 / 500e6
    assert f"| {decode_row(512)} | - | failed: a / b c |" in lines
    assert "| memory read, GB/s: 2 threads | 25.0 | - |" in lines
    assert any("make bench-peers" in line for line in lines)
    assert "Not the same greedy tokens as ours: keras-hub." in lines
    over = "| write, context 160, over keras-hub | at least 1.5x | 1.5x |"
    assert f"{over} **missed** |" in lines  # 1.497
    bound = "| write, context 160, share of the memory bound | at least 80 % | 60 % |"
    assert f"{bound} **missed** |" in lines


def test_a_report_in_json_gives_the_same_table_again(tmp_path):
    answers = {OURS: cell(megabytes=500.0), KERAS_HUB: Cell(applies=False)}
    cells: Cells = {"weights, MB": answers | {TRANSFORMERS: Cell(fault="gone")}}
    told = report(cells, {who: {"keras": "3"} for who in CONTENDERS})
    path = tmp_path / "report.json"
    path.write_text(json.dumps(told))
    assert read_cells(path)[0] == cells
    assert markdown(*read_cells(path)) == markdown(cells, told)


def everything(value: float) -> Cells:
    """Every row with `value` for all that its measure may give."""
    names = ("tokens_per_second", "seconds", "megabytes", "milliseconds")
    names += ("gigabytes_per_second", "lost_seconds", "programs")
    return {
        name: {
            who: cell(**{n: value for n in names if f"{{{n}" in ROWS[name].cell})
            for who in ROWS[name].who
        }
        for name in ROWS
    }


def test_every_target_is_worked_out_of_rows_that_exist():
    judged = [judge(target, Measured(everything(2.0))) for target in TARGETS]
    assert [each["what"] for each in judged if each["value"] is None] == []
    assert len({each["what"] for each in judged}) == len(TARGETS)


@pytest.mark.parametrize(
    ("bound", "value", "met"),
    [
        ({"at_least": 1.5}, 1.5, True),
        ({"at_least": 1.5}, 1.49, False),
        ({"at_most": 2}, 2.0, True),
        ({"at_most": 2}, 2.1, False),
        ({"at_most": 0}, 0.0, True),
    ],
)
def test_a_target_is_met_up_to_its_bound(bound: Mapping[str, float], value, met):
    target = Target(what="", value=lambda m: m("weights, MB"), **bound)
    judged = judge(target, Measured({"weights, MB": {OURS: cell(megabytes=value)}}))
    assert judged["met"] is met
    assert judge(target, Measured({}))["met"] is None


def test_targets_are_the_ratios_they_say():
    cells = everything(1.0)
    for tokens, speed in ((512, 50.0), (1024, 40.0)):
        cells[decode_row(tokens)][OURS] = cell(tokens_per_second=speed)
    cells["lost at a change of k"][OURS] = cell(lost_seconds=0.5, programs=3)
    cells[decode_row(160)] = {
        OURS: cell(tokens_per_second=60.0),
        KERAS_HUB: cell(tokens_per_second=20.0),
    }
    values = {
        target.what: judge(target, Measured(cells))["value"] for target in TARGETS
    }
    assert values["write, context 160, over keras-hub"] == 3
    assert values["any change: programs compiled"] == 3
    assert values["any change: time lost, in decode steps"] == 60  # of lost 1.0 s
    slots = values["cost of a slot per token, 513 to 1,024 slots"]
    assert slots == pytest.approx(5000 / 512)  # 25 ms less 20 ms
    assert values["whole step, context 1024 over context 160"] == pytest.approx(2 / 3)


def test_every_row_asks_for_a_measure_and_shows_what_it_gives():
    for row in ROWS.values():
        assert row.measure in MEASURES
        assert row.cell.format(**next(iter(everything(1.0)[row.name].values())).figures)
    assert sum(map(len, GROUPS.values())) == len(ROWS)


def test_rows_can_be_chosen_by_their_group_and_words():
    assert chosen_rows(quick=False, only=[]) == {n: [*r] for n, r in GROUPS.items()}
    chosen = chosen_rows(quick=False, only=["people: ", "4096, window"])
    assert {group: len(rows) for group, rows in chosen.items()} == {
        "read": 1,
        "write": 1,
        "people": 4,
    }
    quick = chosen_rows(quick=True, only=[])
    assert {group: len(rows) for group, rows in quick.items()} == {
        "start": 1,
        "write": 2,
        "change": 1,
        "precision": 4,
    }


def test_a_task_survives_json():
    task = Task(prompt=4, max_length=9, sampler=Sampler(top_k=3), stop_token_ids=(7,))
    assert read_task(json.loads(json.dumps(asdict(task)))) == task
    assert task.new_tokens == 5
    assert len(task.token_ids) == 4
    assert task.token_ids == replace(task, prompt=9).token_ids[:4]


class Simulated(Contender):
    """One second a prompt token, two a new one; 100 more where the sampler changed."""

    streams = True

    def __init__(self) -> None:
        self._sampler: Sampler | None = None
        self._programs = 0

    def generate(self, task: Task) -> Written:
        compiling = 100.0 * (task.sampler != self._sampler)
        self._sampler = task.sampler
        self._programs += compiling > 0
        first = compiling + task.prompt + 2.0
        last = first + 2.0 * (task.new_tokens - 1)
        return Written(
            token_ids=[0] * task.new_tokens,
            last=last,
            first=first if self.streams else None,
        )

    def generate_together(self, tasks: Any) -> float:
        assert len({tuple(task.token_ids) for task in tasks}) == len(tasks)
        return 10.0

    def programs(self) -> int:
        return self._programs


@pytest.mark.parametrize("streams", [True, False])
def test_decoding_is_timed_without_reading_whether_or_not_it_streams(streams):
    contender = Simulated()
    contender.streams = streams
    contender.generate(TASK)
    # Without a stream, reading 3 more tokens takes 3 s of the 6 s that are compared.
    expected = 0.5 if streams else 3 / (14 + 2 - 13)
    task = replace(TASK, max_length=TASK.prompt + 4)
    assert decode(contender, task)["tokens_per_second"] == pytest.approx(expected)


def test_a_change_costs_what_its_first_run_takes_longer():
    after = replace(TASK, sampler=Sampler(temperature=1.0))
    figures = swap(Simulated(), before=TASK, after=after)
    assert figures == {"lost_seconds": 100.0, "programs": 1}


def test_people_have_prompts_of_their_own_and_count_together():
    assert people(Simulated(), TASK, 5) == {"tokens_per_second": 5 * 4 / 10}


def test_the_first_token_counts_from_the_start_of_the_process(monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1000.0)
    contender = Simulated()
    contender.generate(TASK)
    assert first_token(contender, TASK, started=990.0) == {"seconds": 10 + 10}


def test_the_page_keeps_all_but_what_lies_between_the_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put_between_markers(page, "new\n")
    assert page.read_text() == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="make bench"):
        put_between_markers(page, "new\n")
