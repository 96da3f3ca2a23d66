"""A chain's numbers: checked when a user gives them, packed for the program.

Every number that a user can change is an entry of an array, one row each, so no
change of them compiles anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from playground.controls import BY_NAME, Control
from playground.controls.bounds import MAX_SEED
from playground.controls.declared import (
    ORDERS,
    ChainOrder,
    Cuts,
    Penalties,
    switched_off,
)
from playground.samplers import checks

CUTS = ORDERS["keras_hub"]
"""What may drop tokens, or changes the temperature; the program numbers them so."""
NO_CUT = -1
MAX_BIASES = 128  # biased and banned tokens together
MAX_BREAKERS = MAX_BIASES
MAX_INT32 = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
@switched_off
class SamplerValues(ChainOrder, Penalties, Cuts):
    """The numbers of one chain; the defaults change nothing.

    "The last n tokens" are those of prompt and answer: 0 is none, -1 all that the
    history holds. Formulas stand where they are computed: cuts.py and penalties.py.

    Raises ValueError if a number is out of range.
    """

    def __post_init__(self) -> None:
        for each in fields(SamplerValues):
            value = _checked(BY_NAME[each.name], getattr(self, each.name))
            object.__setattr__(self, each.name, value)
        if len(self.logit_bias) + len(self.banned_tokens) > MAX_BIASES:
            raise ValueError(
                f"`logit_bias` and `banned_tokens` may name {MAX_BIASES} tokens "
                f"together, got {len(self.logit_bias) + len(self.banned_tokens)}."
            )


def _checked(control: Control, value: Any) -> Any:
    match control.kind:
        case "choice":
            if fault := control.fault(value):
                raise ValueError(fault)
            return value
        case "token_ids":
            return checks.check_token_ids(control.name, value, MAX_BIASES)
        case "biases":
            return checks.check_logit_bias(value, MAX_BIASES)
        case _:
            return control.in_chain.check(control.name, value)


def _of_type(kind: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(SamplerValues) if each.type is kind)


FLOATS, INTEGERS = _of_type(float), _of_type(int)


def numbers_on(values: SamplerValues) -> tuple[str, ...]:
    """The names of the numbers that are not neutral."""
    return tuple(
        each.name
        for each in fields(values)
        if (neutral := BY_NAME[each.name].neutral) is not None
        and getattr(values, each.name) != neutral
    )


def active_cuts(values: SamplerValues) -> tuple[str, ...]:
    """The cuts that change anything, in the order in which they are made.

    Greedy needs none: the likeliest token stays the likeliest.
    """
    if np.float32(values.temperature) == 0:
        return ("temperature",)
    stages = {BY_NAME[name].stage for name in numbers_on(values)}
    return tuple(stage for stage in ORDERS[values.order] if stage in stages)


class ChainValues(NamedTuple):
    """Every row's numbers, packed, as a call costs some microseconds for each array.

    numpy arrays from `encode`; inside a program jax's, which `row_values` unpacks.
    """

    floats: jax.Array  # f32[B, len(FLOATS) + MAX_BIASES]
    integers: jax.Array  # i32[B, len(INTEGERS) + len(CUTS) + MAX_BIASES + MAX_BREAKERS]
    seed: jax.Array  # u32[B]


def encode(values: Sequence[SamplerValues], seeds: Sequence[int]) -> ChainValues:
    """The rows' numbers as arrays of fixed dtype, ready for a jitted `sample`.

    Python numbers would compile again for each type, and weakly typed arrays beside
    strong ones too.

    Raises ValueError unless there is one seed a row, each in [0, 2**32).
    """
    if len(values) != len(seeds):
        raise ValueError(
            f"Expected one seed a row, got {len(values)} rows and {len(seeds)} seeds."
        )
    if outside := [seed for seed in seeds if not 0 <= seed <= MAX_SEED]:
        raise ValueError(
            f"Seeds must be whole numbers from 0 to {MAX_SEED}, got {outside}."
        )
    packed = [_packed(row) for row in values]
    arrays: tuple[Any, ...] = (
        np.stack([floats for floats, _ in packed]),
        np.stack([integers for _, integers in packed]),
        np.array(seeds, np.uint32),
    )
    return ChainValues(*arrays)


@lru_cache(maxsize=256)  # a run asks for the same at every token
def _packed(values: SamplerValues) -> tuple[np.ndarray, np.ndarray]:
    bans = tuple((token, -np.inf) for token in values.banned_tokens)
    biases = {**dict(values.logit_bias), **dict(bans)}
    floats = [getattr(values, name) for name in FLOATS]
    integers = [min(getattr(values, name), MAX_INT32) for name in INTEGERS]
    order = [CUTS.index(cut) for cut in active_cuts(values)]
    return (
        np.array(floats + _filled(biases.values(), MAX_BIASES, 0.0), np.float32),
        np.array(
            integers
            + _filled(order, len(CUTS), NO_CUT)
            + _filled(biases, MAX_BIASES, -1)
            + _filled(values.dry_breakers, MAX_BREAKERS, -1),
            np.int32,
        ),
    )


def _filled(numbers: Any, size: int, padding: float) -> list[float]:
    given = list(numbers)
    return given + [padding] * (size - len(given))


class RowValues(NamedTuple):
    """One row's numbers inside a program: scalars, and lists padded with -1."""

    numbers: Mapping[str, jax.Array]  # f32[] or i32[] by SamplerValues' name
    order: jax.Array  # i32[len(CUTS)], indices of CUTS; NO_CUT after the last
    bias_ids: jax.Array  # i32[MAX_BIASES]
    biases: jax.Array  # f32[MAX_BIASES]
    breakers: jax.Array  # i32[MAX_BREAKERS]
    seed: jax.Array  # u32[]
    step: jax.Array  # i32[], the number of the draw


def row_values(values: ChainValues, step: jax.Array) -> RowValues:
    """What `encode` packed, for one row: `values` without their first axis."""
    sizes = (len(INTEGERS), len(CUTS), MAX_BIASES, MAX_BREAKERS)
    borders = np.cumsum(sizes)[:-1]
    whole, order, bias_ids, breakers = jnp.split(values.integers, borders)
    numbers, biases = jnp.split(values.floats, [len(FLOATS)])
    return RowValues(
        numbers=dict(zip(FLOATS + INTEGERS, [*numbers, *whole], strict=True)),
        order=order,
        bias_ids=bias_ids,
        biases=biases,
        breakers=breakers,
        seed=values.seed,
        step=step,
    )
