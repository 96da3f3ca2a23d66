"""The questions of the benchmark, put to one contender; each gives numbers by name."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import median
from typing import Any

from benchmarks.contender import Contender, peak_bytes
from benchmarks.task import Task

Figures = dict[str, Any]


def first_token(contender: Contender, task: Task, started: float) -> Figures:
    """Seconds since `started` (the clock's time) until the first token can be seen.

    Who cannot stream is asked for one token only.
    """
    begun = time.time()
    written = contender.generate(task if contender.streams else task.one_token())
    first = written.last if written.first is None else written.first
    return {"seconds": begun + first - started}


def memory(contender: Contender, task: Task) -> Figures:
    """The most memory the process had, when all is loaded and the task is done."""
    contender.generate(task)
    contender.settle()
    contender.generate(task)
    return {"megabytes": peak_bytes() / 1e6}


def prefill(contender: Contender, task: Task) -> Figures:
    """Tokens of the prompt per second, up to the first new token."""
    contender.settle()
    written = contender.generate(task.one_token())
    return {"tokens_per_second": task.prompt / written.last}


def again(contender: Contender, task: Task, more: int) -> Figures:
    """Seconds to the first token of a prompt just read and `more` tokens."""
    contender.settle()
    contender.generate(task.one_token())
    longer = replace(task, prompt=task.prompt + more)
    return {"seconds": contender.generate(longer.one_token()).last}


def decode(contender: Contender, task: Task) -> Figures:
    """New tokens per second after the first.

    Who cannot stream does the task and, with the same compiled program, the one whose
    prompt is longer by all but one of the new tokens; the difference is the decoding.
    """
    contender.settle()
    written = contender.generate(task)
    first = written.first
    if first is None:
        first = contender.generate(task.nearly_done()).last
    speed = (task.new_tokens - 1) / (written.last - first)
    return {"tokens_per_second": speed, "token_ids": written.token_ids}


def swap(contender: Contender, before: Task, after: Task) -> Figures:
    """What a change costs: the first run after it, less a steady one."""
    contender.settle()
    contender.generate(before)
    programs = contender.programs()
    first = contender.generate(after).last
    built = contender.programs() - programs
    steady = median(contender.generate(after).last for _ in range(3))
    return {"lost_seconds": first - steady, "programs": built}


def people(contender: Contender, task: Task, people: int) -> Figures:
    """New tokens per second of all together, each with a prompt of their own."""
    contender.settle()
    tasks = [replace(task, text=task.text + each) for each in range(people)]
    seconds = contender.generate_together(tasks)
    return {"tokens_per_second": people * task.new_tokens / seconds}


def join(contender: Contender, task: Task, people: int) -> Figures:
    """What it costs when the number of people changes to `people`: as in `swap`."""
    contender.settle()
    tasks = [replace(task, text=each) for each in range(people)]
    contender.generate(task)
    programs = contender.programs()
    first = contender.generate_together(tasks)
    built = contender.programs() - programs
    steady = median(contender.generate_together(tasks) for _ in range(3))
    return {"lost_seconds": first - steady, "programs": built}


def weights(contender: Contender) -> Figures:
    return {"megabytes": contender.weights_bytes() / 1e6}


def cache(contender: Contender, task: Task) -> Figures:
    return {"megabytes": contender.cache_bytes(task) / 1e6}


def installed(contender: Contender) -> Figures:
    return {"megabytes": contender.installed_bytes() / 1e6}


def versions(contender: Contender) -> Figures:
    return dict(contender.versions())


def prepare(contender: Contender) -> Figures:
    contender.prepare()
    return {}


def sampling(contender: Contender, rows: int, sort: bool = False) -> Figures:
    return {"milliseconds": 1000 * contender.sampling_seconds(rows, sort)}


def bandwidth(contender: Contender, threads: int) -> Figures:
    return {"gigabytes_per_second": contender.bandwidth(threads) / 1e9}


MEASURES: Mapping[str, Callable[..., Figures]] = {
    measure.__name__: measure
    for measure in (
        *(first_token, memory, prefill, again, decode, swap, people, join, weights),
        *(cache, installed, versions, prepare, sampling, bandwidth),
    )
}
