"""The ranges of the samplers' numbers; each raises ValueError with what to do."""

from numbers import Integral, Real
from typing import TypeGuard

import numpy as np

MAX_SEED = 2**32 - 1
MAX_FLOAT32 = float(np.finfo(np.float32).max)


def check_temperature(temperature: object) -> float:
    # The chain computes in float32, where 1e39 is already infinite.
    if _is_real(temperature) and 0 <= float(temperature) <= MAX_FLOAT32:
        return float(temperature)
    raise ValueError(
        f"`temperature` must be a finite number >= 0, got {temperature!r}. "
        "Use 1.0 to leave the model's distribution as it is, 0 for greedy."
    )


def check_p(p: object) -> float:
    if _is_real(p) and 0 < float(p) <= 1:
        return float(p)
    raise ValueError(f"`p` must be in (0, 1], got {p!r}. Use 1.0 to switch it off.")


def check_alpha(alpha: object) -> float:
    if _is_real(alpha) and 0 <= float(alpha) <= 1:
        return float(alpha)
    raise ValueError(
        f"`alpha` must be in [0, 1], got {alpha!r}. Use 0 to look at probability only."
    )


def check_k(k: object) -> int:
    if _is_whole(k) and int(k) >= 1:
        return int(k)
    raise ValueError(
        f"`k` must be a whole number >= 1, got {k!r}. "
        "Use RandomSampler to draw from all tokens."
    )


def check_whole(name: str, value: object) -> int:
    if _is_whole(value) and int(value) >= 1:
        return int(value)
    raise ValueError(f"`{name}` must be a whole number >= 1, got {value!r}.")


def check_seed(seed: object) -> int | None:
    if seed is None:
        return None
    if _is_whole(seed) and 0 <= int(seed) <= MAX_SEED:
        return int(seed)
    raise ValueError(
        f"`seed` must be a whole number from 0 to {MAX_SEED}, got {seed!r}. "
        "Use None for a fresh one in each run."
    )


def _is_real(x: object) -> TypeGuard[Real]:
    return isinstance(x, Real) and not isinstance(x, bool)


def _is_whole(x: object) -> TypeGuard[Integral]:
    return isinstance(x, Integral) and not isinstance(x, bool)
