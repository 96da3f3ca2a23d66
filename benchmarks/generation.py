"""How fast the default model reads and writes: `python -m benchmarks.generation`.

Medians of several runs in one process after a warm-up. Times of a shared machine drift:
compare ratios within one output, not outputs of different days.
"""

import statistics
import time

import numpy as np

from playground.engine import Beams, Finished, Request, Step, decode, keep_programs
from playground.engine.kept_texts import KeptTexts
from playground.engine.programs import Programs
from playground.models import MistralCausalLM
from playground.presets import DEFAULT_PRESET
from playground.samplers import (
    BeamSampler,
    BeamValues,
    ContrastiveSampler,
    ContrastiveValues,
    GreedySampler,
    SamplerValues,
    TopPSampler,
)

RUNS = 5


def main() -> None:
    """Print one table."""
    keep_programs()
    started = time.perf_counter()
    model = MistralCausalLM.from_preset(DEFAULT_PRESET)
    print(f"load                        {time.perf_counter() - started:8.2f} s")
    programs = model.programs
    started = time.perf_counter()
    for shape in programs.shapes(longest=2048):
        programs.warm_up(*shape)
    print(f"warm up                     {time.perf_counter() - started:8.2f} s")
    bytes_read = sum(np.asarray(weight).nbytes for weight in programs.weights())
    print(f"weights                     {bytes_read / 1e6:8.0f} MB a token")
    for length in (32, 128, 512, 1024):
        print_speed(programs, f"prompt {length}", length, GreedySampler().values())
    print_speed(programs, "prompt 32, top-p", 32, TopPSampler(p=0.9).values())
    print_speed(programs, "prompt 512, window 256", 512, GreedySampler().values(), 256)
    print_speed(programs, "prompt 32, 4 beams", 32, BeamSampler(4).values())
    print_speed(
        programs, "prompt 32, contrastive 4", 32, ContrastiveSampler(4).values()
    )
    print_reuse(programs, 512)
    model.quantize("int8")
    bytes_read = sum(np.asarray(weight).nbytes for weight in programs.weights())
    print(f"int8 weights                {bytes_read / 1e6:8.0f} MB a token")
    print_speed(programs, "int8, prompt 32", 32, GreedySampler().values())
    print_speed(programs, "int8, prompt 512", 512, GreedySampler().values())


def print_reuse(programs: Programs, length: int) -> None:
    """Time to the first token of a prompt, the same again, and with 16 tokens more."""
    kept, times = KeptTexts(), {"anew": [], "again": [], "16 more": []}
    for run in range(RUNS):
        prompt = np.random.default_rng(run).integers(100, 40_000, length + 16).tolist()
        for name, text in (
            ("anew", prompt[:length]),
            ("again", prompt[:length]),
            ("16 more", prompt),
        ):
            request = Request(
                token_ids=tuple(text),
                max_new_tokens=1,
                sampler=GreedySampler().values(),
                seed=0,
                stop_token_ids=frozenset(),
                owner="me",
            )
            started = time.perf_counter()
            for event in decode(programs, request, kept=kept):
                if isinstance(event, Step):
                    times[name].append(time.perf_counter() - started)
    print(
        f"prompt {length}, first token    ",
        *(f"  {name} {statistics.median(each):6.3f} s" for name, each in times.items()),
    )


def print_speed(
    programs: Programs,
    name: str,
    length: int,
    sampler: SamplerValues | BeamValues | ContrastiveValues,
    window: int | None = None,
) -> None:
    """Time to the first token, and tokens per second of reading and writing."""
    first, read, write = [], [], []
    for run in range(RUNS):
        numbers = np.random.default_rng(run)
        request = Request(
            token_ids=tuple(numbers.integers(100, 40_000, length).tolist()),
            max_new_tokens=64,
            sampler=sampler,
            seed=run,
            stop_token_ids=frozenset(),
            sliding_window=window,
        )
        started = time.perf_counter()
        for event in decode(programs, request):
            if isinstance(event, Step | Beams) and event.index == 0:
                first.append(time.perf_counter() - started)
            if isinstance(event, Finished):
                read.append(length / event.timings.prefill)
                write.append(event.timings.tokens_per_second)
    print(
        f"{name:26}  first token {statistics.median(first):6.3f} s"
        f"   read {statistics.median(read):6.0f} tokens/s"
        f"   write {statistics.median(write):5.1f} tokens/s"
    )


if __name__ == "__main__":
    main()
