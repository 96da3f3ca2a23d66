"""The chain's programs for tests, each compiled once: 8 rows, 12 tokens, 10 of history.

Rows of a test are spread over as many calls as they need.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from hypothesis import strategies as st

from playground.controls import CONTROLS
from playground.samplers import (
    ChainValues,
    SamplerValues,
    Stages,
    encode,
    measure,
    sample,
    stages,
)

B, V, H = 8, 12, 10

traces: list[str] = []


@jax.jit
def run_sample(
    logits: jax.Array, values: ChainValues, step: jax.Array, history: jax.Array
) -> jax.Array:
    traces.append("sample")
    return sample(logits, values, step, history)


@jax.jit
def run_stages(
    logits: jax.Array, values: ChainValues, step: jax.Array, history: jax.Array
) -> Stages:
    traces.append("stages")
    rows = (logits, values, step, history)
    return jax.lax.map(lambda row: stages(*row), rows)


@jax.jit
def run_measure(*arguments: jax.Array) -> tuple[jax.Array, ...]:
    traces.append("measure")
    return measure(*arguments)


class Row(NamedTuple):
    """One row as a test says it: shorter logits are filled with -inf."""

    logits: Sequence[float] | np.ndarray
    values: SamplerValues = SamplerValues()
    history: Sequence[int] = ()
    seed: int = 0
    step: int = 0

    def filled_logits(self) -> np.ndarray:
        filled = np.full(V, -np.inf, np.float32)
        filled[: len(self.logits)] = self.logits
        return filled

    def filled_history(self) -> np.ndarray:
        tokens = list(self.history)[-H:]
        return np.array([-1] * (H - len(tokens)) + tokens, np.int32)


def arguments(rows: Sequence[Row]) -> tuple:
    """Those of `sample`, filled up to B rows."""
    assert len(rows) <= B
    rows = [*rows, *[Row([0.0])] * (B - len(rows))]
    return (
        np.stack([row.filled_logits() for row in rows]),
        encode([row.values for row in rows], [row.seed for row in rows]),
        np.array([row.step for row in rows], np.int32),
        np.stack([row.filled_history() for row in rows]),
    )


def tokens(rows: Sequence[Row]) -> list[int]:
    return np.asarray(run_sample(*arguments(rows))).tolist()[: len(rows)]


def stages_of(rows: Sequence[Row]) -> list[Stages]:
    after = jax.tree.map(np.asarray, run_stages(*arguments(rows)))
    return [Stages(*(array[b] for array in after)) for b in range(len(rows))]


def last_of(rows: Sequence[Row]) -> list[np.ndarray]:
    """The distribution that each row is drawn from."""
    return [each.probabilities[-1] for each in stages_of(rows)]


def kept(row: Row) -> list[int]:
    return np.flatnonzero(last_of([row])[0]).tolist()


LOGIT = st.one_of(
    st.floats(-8, 8, width=32),
    st.sampled_from([0.0, 1.0, 1.0, 4.0, -30.0, -np.inf, np.nan]),
)
NEW = {
    control.name: st.sampled_from([control.neutral, control.usual])
    for control in CONTROLS
    if control.usual is not None
}
VALUES = st.builds(
    SamplerValues,
    **NEW
    | dict(
        temperature=st.sampled_from([1.0, 0.0, 0.3, 0.7, 2.5]),
        top_k=st.sampled_from([0, 0, 1, 2, 5, 11, 12, 100]),
        top_p=st.sampled_from([1.0, 1.0, 0.05, 0.5, 0.9, 0.99]),
        min_p=st.sampled_from([0.0, 0.0, 0.03, 0.3, 0.99]),
        typical_p=st.sampled_from([1.0, 1.0, 0.2, 0.6, 0.95]),
        top_n_sigma=st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.0]),
        epsilon=st.sampled_from([0.0, 0.0, 0.002, 0.1, 0.6]),
        eta=st.sampled_from([0.0, 0.0, 0.01, 0.3]),
        xtc_probability=st.sampled_from([0.0, 0.0, 0.5, 1.0]),
        xtc_threshold=st.sampled_from([0.05, 0.1, 0.3]),
        repetition_penalty=st.sampled_from([1.0, 1.0, 1.3, 0.8]),
        presence_penalty=st.sampled_from([0.0, 0.7, -0.4]),
        frequency_penalty=st.sampled_from([0.0, 0.3]),
        penalty_last_n=st.sampled_from([-1, 0, 4, 64]),
        dry_multiplier=st.sampled_from([0.0, 0.8]),
        dry_base=st.sampled_from([1.0, 1.75]),
        dry_allowed_length=st.integers(1, 3),
        dry_last_n=st.sampled_from([-1, 0, 6, 64]),
        dry_breakers=st.sampled_from([(), (0,), (1, 3)]),
        logit_bias=st.sampled_from(
            [(), ((1, 2.5),), ((0, -1.0), (11, 3.0), (50, 9.0))]
        ),
        banned_tokens=st.sampled_from([(), (), (2,), (0, 5, 40)]),
        order=st.sampled_from(["keras_hub", "llama.cpp"]),
    ),
)
ROWS = st.lists(
    st.builds(
        Row,
        # The last token has always something, so that a row has one to draw.
        st.lists(LOGIT, min_size=V - 1, max_size=V - 1).map(lambda row: [*row, 0.5]),
        VALUES,
        st.lists(st.integers(0, 4), max_size=H),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**31 - 1),
    ),
    min_size=B,
    max_size=B,
)
