"""Hugging Face transformers on PyTorch."""

import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks.contender import Contender, NotApplicable, Written
from benchmarks.task import Sampler, Task
from benchmarks.weights import read_shared


class Transformers(Contender):
    """`MistralForCausalLM` with PyTorch's own attention, the default."""

    packages = ("transformers", "torch")

    def prepare(self) -> None:
        from tests.oracles.peer_models import transformers_model

        config, weights = read_shared(self.weights)
        transformers_model(weights, config).save_pretrained(self._folder)

    @property
    def _folder(self) -> Path:
        return self.weights / "transformers"

    @cached_property
    def model(self) -> Any:
        if self.precision != "float32":
            raise NotApplicable
        return transformers.MistralForCausalLM.from_pretrained(
            self._folder, dtype="float32", attn_implementation="sdpa"
        ).eval()

    def generate(self, task: Task) -> Written:
        written, _ = self._generate([task])
        return written

    def generate_together(self, tasks: Sequence[Task]) -> float:
        """As one batch: all begin at once, with the same settings."""
        written, _ = self._generate(tasks)
        return written.last

    def _generate(self, tasks: Sequence[Task]) -> tuple[Written, Any]:
        task, model = tasks[0], self.model
        clock = _Clock()
        model.config.sliding_window = task.window
        ids = torch.tensor([each.token_ids for each in tasks])
        stops = list(task.stop_token_ids) or None
        model.generation_config.eos_token_id = stops  # None is "not given" below
        written = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=task.new_tokens,
            pad_token_id=0,
            streamer=clock if _streams(tasks) else None,
            return_dict_in_generate=True,
            **_choice(task.sampler),
        )
        last = clock.seconds()
        token_ids = written.sequences[0, task.prompt :].tolist()
        first = clock.first
        return Written(token_ids=token_ids, first=first, last=last), written

    def weights_bytes(self) -> int:
        return sum(p.numel() * p.element_size() for p in self.model.parameters())

    def cache_bytes(self, task: Task) -> int:
        _, written = self._generate([task])
        return sum(
            tensor.numel() * tensor.element_size()
            for layer in written.past_key_values.layers
            for tensor in (layer.keys, layer.values)
        )


class _Clock:
    """A streamer that looks at its watch: it gets the prompt, then each token."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._calls = 0
        self.first: float | None = None

    def seconds(self) -> float:
        return time.perf_counter() - self._begun

    def put(self, _value: Any) -> None:
        self._calls += 1
        if self._calls == 2:
            self.first = self.seconds()

    def end(self) -> None:
        pass


def make(weights: Path, precision: str) -> Contender:
    return Transformers(weights, precision)


def _streams(tasks: Sequence[Task]) -> bool:
    return len(tasks) == 1 and not tasks[0].sampler.num_beams


def _choice(sampler: Sampler) -> dict[str, Any]:
    if sampler.candidates:
        raise NotApplicable  # no longer part of the package
    if sampler.num_beams:
        return {"do_sample": False, "num_beams": sampler.num_beams}
    if sampler.temperature == 0:
        return {"do_sample": False}
    return {
        "do_sample": True,
        "temperature": sampler.temperature,
        "top_k": sampler.top_k,
        "top_p": sampler.top_p,
    }
