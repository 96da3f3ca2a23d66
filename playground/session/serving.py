"""An engine over a preset: loaded in the background, with the fastest dtype."""

from typing import Any

import jax

from playground.engine import WARM_LENGTH, Engine, Meanwhile, ModelUnavailable
from playground.models import MistralCausalLM
from playground.presets import LoadError
from playground.system.progress import Progress


def fastest_dtype() -> str:
    """The dtype that is fastest on this device and keeps the model's quality.

    A token costs what reading the weights costs: on CPU int8 writes more than twice as
    fast as float32, and bfloat16, which XLA multiplies badly there, ten times slower.
    """
    return "int8" if jax.default_backend() == "cpu" else "bfloat16"


def start_engine(
    preset: str,
    warm_length: int = WARM_LENGTH,
    warm_rows: int = 1,
    max_seconds: float | None = None,
    dtype: str | None = None,
    **overrides: Any,
) -> Engine[MistralCausalLM]:
    """An engine that loads `preset` in the background; returns at once.

    `dtype` None takes the fastest here; `overrides` replace the preset's own arguments,
    such as `sliding_window`; the other arguments are `Engine`'s.
    """

    def load(report: Progress, meanwhile: Meanwhile) -> MistralCausalLM:
        try:
            return MistralCausalLM.from_preset(
                preset,
                report=report,
                meanwhile=meanwhile,
                dtype=dtype or fastest_dtype(),
                **overrides,
            )
        except LoadError as fault:
            raise ModelUnavailable(str(fault)) from fault

    return Engine(load, warm_length, warm_rows, max_seconds)
