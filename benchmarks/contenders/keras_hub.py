"""keras-hub on JAX."""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import keras
import keras_hub
import numpy as np
from jax import monitoring

from benchmarks.contender import Contender, NotApplicable, Written
from benchmarks.task import Sampler, Task
from benchmarks.weights import read_shared


class KerasHub(Contender):
    """`MistralCausalLM` without a preprocessor: token ids in, token ids out."""

    packages = ("keras-hub", "keras", "jax")
    streams = False

    def __init__(self, weights: Path, precision: str) -> None:
        super().__init__(weights, precision)
        self._sampler: Sampler | None = None
        self._window: int | None = None
        self._functions: dict[Any, Any] = {}
        self._programs = 0
        monitoring.register_event_duration_secs_listener(self._count)

    def _count(self, event: str, duration_secs: float, **_details: str | int) -> None:
        del duration_secs
        self._programs += event == "/jax/core/compile/backend_compile_duration"

    def prepare(self) -> None:
        from tests.oracles.peer_models import keras_hub_model

        config, weights = read_shared(self.weights)
        keras_hub_model(weights, config).backbone.save_to_preset(str(self._preset))

    @property
    def _preset(self) -> Path:
        return self.weights / "keras_hub"

    @cached_property
    def model(self) -> Any:
        if self.precision != "float32":
            raise NotApplicable
        backbone = keras_hub.models.MistralBackbone.from_preset(
            str(self._preset), dtype="float32", sliding_window=None
        )
        return keras_hub.models.MistralCausalLM(backbone, preprocessor=None)

    def _set_up(self, task: Task) -> None:
        """Another sampler is another `compile`, as its users write it.

        The window is an argument of its layers, read when the program is traced; each
        window keeps its programs here, or going back would compile again.
        """
        if task.sampler != self._sampler:
            self.model.compile(sampler=_sampler(task.sampler))
            self._sampler, self._functions = task.sampler, {}
        elif task.window != self._window:
            self._functions[self._window] = self.model.generate_function
            self.model.generate_function = self._functions.get(task.window)
        self._window = task.window
        for layer in self.model.backbone.transformer_layers:
            layer.sliding_window = task.window

    def generate(self, task: Task) -> Written:
        seconds, answers = self._generate([task])
        return Written(token_ids=answers[0].tolist(), last=seconds)

    def generate_together(self, tasks: Sequence[Task]) -> float:
        """As one batch: all begin at once, with the same settings."""
        return self._generate(tasks)[0]

    def _generate(self, tasks: Sequence[Task]) -> tuple[float, np.ndarray]:
        task, model = tasks[0], self.model
        begun = time.perf_counter()
        self._set_up(task)
        written = model.generate(_inputs(tasks), stop_token_ids=_stops(task))
        token_ids = np.asarray(written["token_ids"])
        return time.perf_counter() - begun, token_ids[:, task.prompt :]

    def programs(self) -> int:
        return self._programs

    def weights_bytes(self) -> int:
        return sum(np.asarray(v.value).nbytes for v in self.model.backbone.variables)

    def cache_bytes(self, task: Task) -> int:
        """Traced only: filling it would take minutes."""
        self._set_up(task)
        build = self.model._build_cache
        ids = jax.ShapeDtypeStruct((1, task.max_length), "int32")
        _, cache = jax.eval_shape(lambda ids: build(ids), ids)
        return int(cache.size) * int(cache.dtype.itemsize)


def make(weights: Path, precision: str) -> Contender:
    keras.utils.disable_interactive_logging()
    return KerasHub(weights, precision)


def _inputs(tasks: Sequence[Task]) -> dict[str, np.ndarray]:
    """Prompts [B, max_length] of one length, padded to the length that is wanted."""
    shape = (len(tasks), tasks[0].max_length)
    ids, mask = np.zeros(shape, "int32"), np.zeros(shape, "int32")
    for row, task in enumerate(tasks):
        ids[row, : task.prompt] = task.token_ids
        mask[row, : task.prompt] = 1
    return {"token_ids": ids, "padding_mask": mask}


def _stops(task: Task) -> tuple[int, ...] | None:
    return task.stop_token_ids or None


def _sampler(sampler: Sampler) -> Any:
    temperature = sampler.temperature
    if sampler.num_beams:
        return keras_hub.samplers.BeamSampler(num_beams=sampler.num_beams)
    if sampler.candidates:
        return keras_hub.samplers.ContrastiveSampler(k=sampler.candidates, alpha=0.6)
    if temperature == 0:
        return keras_hub.samplers.GreedySampler()
    if sampler.top_p < 1:
        k = sampler.top_k or None
        return keras_hub.samplers.TopPSampler(
            p=sampler.top_p, k=k, temperature=temperature
        )
    if sampler.top_k:
        return keras_hub.samplers.TopKSampler(k=sampler.top_k, temperature=temperature)
    return keras_hub.samplers.RandomSampler(temperature=temperature)
