"""The time of `sample` over 49,152 tokens, beside a full sort in the same run.

    python benchmarks/sampling.py [RUNS]

Each round runs every program once, so that a busy machine slows all alike. Logits and
values are arguments: XLA would fold constants away.
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from playground import samplers

VOCABULARY = 49_152
SAMPLERS = {
    "greedy": samplers.GreedySampler(),
    "random": samplers.RandomSampler(),
    "top_k 40": samplers.TopKSampler(k=40),
    "top_p 0.9": samplers.TopPSampler(p=0.9),
    "top_p 0.9, k 200": samplers.TopPSampler(p=0.9, k=200, temperature=0.7),
}


def measure(rows: int, runs: int) -> dict[str, np.ndarray]:
    """Milliseconds of each run, by the program's name."""
    rng = np.random.default_rng(0)
    logits = jnp.asarray(3 * rng.normal(size=(rows, VOCABULARY)), jnp.float32)
    step = jnp.zeros(rows, jnp.int32)
    sample, sort = jax.jit(samplers.sample), jax.jit(jnp.sort)
    calls = {"full sort": lambda: sort(logits)}
    for name, sampler in SAMPLERS.items():
        values = samplers.encode([sampler.values()] * rows, range(rows))
        on_device = jax.tree.map(jnp.asarray, values)
        calls[name] = lambda values=on_device: sample(logits, values, step)
    for call in calls.values():
        call().block_until_ready()  # compiles
    times = {name: np.zeros(runs) for name in calls}
    for run in range(runs):
        for name, call in calls.items():
            start = time.perf_counter()
            call().block_until_ready()
            times[name][run] = 1000 * (time.perf_counter() - start)
    return times


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"{'':18}{'rows':>5}{'best ms':>9}{'median ms':>11}{'sort / this':>13}")
    for rows in (1, 8):
        times = measure(rows, runs)
        sort = np.median(times["full sort"])
        for name, each in times.items():
            ratio = sort / np.median(each)
            print(
                f"{name:18}{rows:5}{each.min():9.2f}{np.median(each):11.2f}{ratio:13.1f}"
            )


if __name__ == "__main__":
    main()
