"""What the samplers' arguments may be; each check raises ValueError with what to do."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import numpy as np

from playground.controls import BY_NAME, clipped
from playground.controls.bounds import MAX_FLOAT32, MAX_SEED, is_real, is_whole

MAX_TOKEN_ID = 2**31 - 1


def check_token_ids(name: str, ids: Any, most: int) -> tuple[int, ...]:
    """Each id once, in the order given."""
    listed: list[Any] = list(ids) if _is_list(ids) else [None]
    if not all(_is_token_id(each) for each in listed):
        raise ValueError(
            f"`{name}` must be token ids (whole numbers from 0), got {clipped(ids)}."
        )
    once = tuple(dict.fromkeys(int(each) for each in listed))
    if len(once) > most:
        raise ValueError(f"`{name}` may name {most} tokens, got {len(once)}.")
    return once


def check_logit_bias(bias: Any, most: int) -> tuple[tuple[int, float], ...]:
    """Pairs of a token id and a finite number; each id once, the last one counts."""
    pairs = list(bias.items()) if isinstance(bias, Mapping) else bias
    if not _is_list(pairs) or not all(_is_bias(pair) for pair in pairs):
        raise ValueError(
            "`logit_bias` must be pairs of a token id and a finite number, such as "
            f"{{13: -2.5}}, got {clipped(bias)}. To ban a token use `banned_tokens`."
        )
    once = {int(token): float(number) for token, number in pairs}
    if len(once) > most:
        raise ValueError(f"`logit_bias` may name {most} tokens, got {len(once)}.")
    return tuple(once.items())


def _is_list(value: object) -> TypeGuard[Iterable[Any]]:
    return isinstance(value, list | tuple | set | frozenset | np.ndarray)


def _is_token_id(value: object) -> bool:
    return is_whole(value) and 0 <= int(value) <= MAX_TOKEN_ID


def _is_bias(pair: Any) -> bool:
    if not _is_list(pair) or len(list(pair)) != 2:
        return False
    token, number = pair
    return _is_token_id(token) and is_real(number) and abs(float(number)) <= MAX_FLOAT32


def check_temperature(temperature: object) -> float:
    return BY_NAME["temperature"].in_chain.check("temperature", temperature)


def check_seed(seed: object) -> int | None:
    if seed is None:
        return None
    if is_whole(seed) and 0 <= int(seed) <= MAX_SEED:
        return int(seed)
    raise ValueError(
        f"`seed` must be a whole number from 0 to {MAX_SEED}, got {seed!r}. "
        "Use None for a fresh one in each run."
    )
