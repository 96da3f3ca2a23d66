"""The playground, as the page runs it: requests to its engine."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contender import Contender, Written
from benchmarks.task import Sampler, Task
from playground import samplers
from playground.engine import (
    MAX_ACTIVE,
    Beams,
    Engine,
    Finished,
    Request,
    Step,
    compilations,
)
from playground.models import MistralCausalLM
from playground.presets import DEFAULT_PRESET
from playground.samplers import BeamValues, ContrastiveValues, SamplerValues
from playground.session import start_engine

ROOT = Path(__file__).parents[2]
VOCABULARY = 49_152


class Ours(Contender):
    """The default model in the engine, which warms up in the background."""

    packages = tuple(
        line.partition("==")[0]
        for line in (ROOT / "requirements.txt").read_text().splitlines()
    )

    def versions(self) -> dict[str, str]:
        return {name: version(name) for name in ("keras", "jax")}

    @cached_property
    def engine(self) -> Engine[MistralCausalLM]:
        return start_engine(DEFAULT_PRESET, dtype=self.precision, warm_rows=MAX_ACTIVE)

    @property
    def model(self) -> MistralCausalLM:
        self.engine.wait()
        assert self.engine.model is not None, self.engine.status.message
        return self.engine.model

    def settle(self) -> None:
        self.engine.wait_until_warm()

    def generate(self, task: Task) -> Written:
        token_ids: list[int] = []
        begun, first = time.perf_counter(), None
        for event in self.engine.submit(_request(task)):
            if isinstance(event, Step | Beams):
                token_ids = _token_ids(token_ids, event)
                last = time.perf_counter() - begun
                first = last if first is None else first
            elif isinstance(event, Finished) and event.reason == "error":
                raise RuntimeError(event.message)
        return Written(token_ids=token_ids, first=first, last=last)

    def generate_together(self, tasks: Sequence[Task]) -> float:
        begun = time.perf_counter()
        with ThreadPoolExecutor(len(tasks)) as people:
            list(people.map(self.generate, tasks))
        return time.perf_counter() - begun

    def programs(self) -> int:
        self.engine.wait()
        count = compilations()
        return count.built + count.read

    def weights_bytes(self) -> int:
        return sum(np.asarray(v.value).nbytes for v in self.model.backbone.variables)

    def cache_bytes(self, task: Task) -> int:
        programs = self.model.programs
        slots = programs.slots_for(task.max_length, programs.window(task.window))
        return sum(
            array.nbytes for array in jax.tree.leaves(programs.empty_cache(slots))
        )

    def sampling_seconds(self, rows: int, sort: bool) -> float:
        """The whole chain on random logits; the best of 50, so that a busy machine
        counts little. All are arguments: XLA would fold constants away."""
        numbers = np.random.default_rng(0)
        logits = jnp.asarray(3 * numbers.normal(size=(rows, VOCABULARY)), jnp.float32)
        if sort:
            program = jax.jit(jnp.sort)
            return _best(lambda: program(logits).block_until_ready())
        chain = SamplerValues(temperature=0.7, top_k=200, top_p=0.9)
        values = jax.tree.map(jnp.asarray, samplers.encode([chain] * rows, range(rows)))
        step = jnp.zeros(rows, jnp.int32)
        choose = jax.jit(samplers.sample)
        return _best(lambda: choose(logits, values, step).block_until_ready())


def make(weights: Path, precision: str) -> Contender:
    return Ours(weights, precision)


def _request(task: Task) -> Request:
    return Request(
        token_ids=tuple(task.token_ids),
        max_new_tokens=task.new_tokens,
        sampler=_values(task.sampler),
        seed=task.text,
        stop_token_ids=frozenset(task.stop_token_ids),
        sliding_window=task.window,
        owner="benchmark" if task.may_reuse else None,
    )


def _token_ids(before: list[int], event: Step | Beams) -> list[int]:
    """The new tokens so far; a beam search may change its mind about all of them."""
    if isinstance(event, Beams):
        return list(event.beams[0].token_ids)
    return [*before, event.token_id]


def _values(sampler: Sampler) -> SamplerValues | BeamValues | ContrastiveValues:
    if sampler.num_beams:
        return samplers.BeamSampler(sampler.num_beams).values()
    if sampler.candidates:
        return samplers.ContrastiveSampler(sampler.candidates).values()
    return SamplerValues(
        temperature=sampler.temperature, top_k=sampler.top_k, top_p=sampler.top_p
    )


def _best(call: Callable[[], object]) -> float:
    call()  # compiles
    times = []
    for _ in range(50):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return min(times)
