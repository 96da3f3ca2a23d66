"""llama.cpp through the C functions that llama-cpp-python binds."""

import ctypes
import os
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import llama_cpp

from benchmarks.contender import Contender, NotApplicable, Written
from benchmarks.task import Sampler, Task

CONTEXT = 8192
MAX_PEOPLE = 8
CHUNK = 512  # llama.cpp's own default for one pass over a prompt
FILES = {"float32": "float32.gguf", "int8": "q8_0.gguf"}


class LlamaCpp(Contender):
    """Float32, or Q8_0 where int8 is asked for. A Llama file has no window there."""

    packages = ("llama-cpp-python",)

    @cached_property
    def model(self) -> Any:
        llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        path = self.weights / FILES[self.precision]
        params = llama_cpp.llama_model_default_params()
        model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not model:
            raise ValueError(f"llama.cpp cannot read {path.name}")
        return model

    @cached_property
    def context(self) -> Any:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = CONTEXT
        params.n_batch = params.n_ubatch = CHUNK
        params.n_seq_max = MAX_PEOPLE
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = os.cpu_count() or 1
        return llama_cpp.llama_init_from_model(self.model, params)

    @cached_property
    def _batch(self) -> Any:
        return llama_cpp.llama_batch_init(CHUNK, 0, 1)

    def generate(self, task: Task) -> Written:
        return self._generate([task])

    def generate_together(self, tasks: Sequence[Task]) -> float:
        return self._generate(tasks).last

    def _generate(self, tasks: Sequence[Task]) -> Written:
        """Read each prompt, then one token of everybody at each step."""
        task, context = tasks[0], self.context
        if task.window or task.sampler.num_beams or task.sampler.candidates:
            raise NotApplicable
        begun = time.perf_counter()
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), False)
        chain = _sampler(task.sampler, task.text)
        tokens = [self._read(each.token_ids, i, chain) for i, each in enumerate(tasks)]
        first, written = time.perf_counter() - begun, [tokens[0]]
        for position in range(task.prompt, task.max_length - 1):
            if tokens[0] in task.stop_token_ids:
                break
            rows = [(token, position, i) for i, token in enumerate(tokens)]
            self._decode(rows, every_logit=True)
            tokens = [_sample(chain, context, i) for i in range(len(tasks))]
            written.append(tokens[0])
        llama_cpp.llama_sampler_free(chain)
        last = time.perf_counter() - begun
        return Written(token_ids=written, first=first, last=last)

    def _read(self, token_ids: Sequence[int], person: int, chain: Any) -> int:
        """Read a prompt in chunks; the token after it."""
        for start in range(0, len(token_ids), CHUNK):
            chunk = token_ids[start : start + CHUNK]
            self._decode([(t, start + i, person) for i, t in enumerate(chunk)])
        return _sample(chain, self.context, -1)

    def _decode(
        self, rows: Sequence[tuple[int, int, int]], every_logit: bool = False
    ) -> None:
        """One pass over (token, position, person)."""
        batch = self._batch
        batch.n_tokens = len(rows)
        for i, (token, position, person) in enumerate(rows):
            batch.token[i], batch.pos[i] = token, position
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, person
            batch.logits[i] = every_logit or i == len(rows) - 1
        if llama_cpp.llama_decode(self.context, batch):
            raise RuntimeError("llama_decode failed")

    def weights_bytes(self) -> int:
        return int(llama_cpp.llama_model_size(self.model))


def make(weights: Path, precision: str) -> Contender:
    return LlamaCpp(weights, precision)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]  # no types
def _silent(_level: int, _text: bytes, _user_data: Any) -> None:
    pass


def _sample(chain: Any, context: Any, index: int) -> int:
    return int(llama_cpp.llama_sampler_sample(chain, context, index))


def _sampler(sampler: Sampler, seed: int) -> Any:
    params = llama_cpp.llama_sampler_chain_default_params()
    chain = llama_cpp.llama_sampler_chain_init(params)
    stages = [llama_cpp.llama_sampler_init_greedy()]
    if sampler.temperature > 0:
        stages = [
            llama_cpp.llama_sampler_init_top_k(sampler.top_k),
            llama_cpp.llama_sampler_init_top_p(sampler.top_p, 1),
            llama_cpp.llama_sampler_init_temp(sampler.temperature),
            llama_cpp.llama_sampler_init_dist(seed),
        ]
    for stage in stages:
        llama_cpp.llama_sampler_chain_add(chain, stage)
    return chain
