"""The machine itself: how fast memory can be read, which bounds all decoding."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.contender import Contender

NUM_BYTES = 2**29  # many times any cache


class Machine(Contender):
    """Not a contender, but asked like one, so that it is measured between them."""

    packages = ("numpy",)

    def bandwidth(self, threads: int) -> float:
        """The best of five passes over a large array, split among threads.

        They OR whole words, the least work there is: a sum or a maximum of floats would
        measure the core.
        """
        array = np.ones(NUM_BYTES // 8, np.uint64)
        parts = np.array_split(array, threads)
        with ThreadPoolExecutor(threads) as pool:
            times = []
            for _ in range(5):
                begun = time.perf_counter()
                list(pool.map(np.bitwise_or.reduce, parts))
                times.append(time.perf_counter() - begun)
        return NUM_BYTES / min(times)


def make(weights: Path, precision: str) -> Contender:
    return Machine(weights, precision)
