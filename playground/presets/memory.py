"""Whether a model fits into memory, asked before any of it is loaded."""

import math
from collections.abc import Mapping
from typing import Any

from playground.presets.errors import LoadError
from playground.presets.variables import num_parameters, variables
from playground.system import free_memory

BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2, "int8": 1}
"""Of a number, by the dtype of the weights."""
_WHAT_COULD_BE = ("float32", "bfloat16", "int8")


def needed_bytes(
    config: Mapping[str, Any], dtype: str = "float32", share: float = 1.0
) -> int:
    """Memory for the weights, for the largest of them as it is read, in float32, for
    the compiled programs that write one text, and SCARCE_BYTES for that text.

    Args:
        config: Arguments of `MistralBackbone`, as a checkpoint has them.
        dtype: Of the weights: float64, float32, bfloat16, float16 or int8.
        share: Of the weights, what this process keeps where several share a model.
    """
    config = dict(config)
    # All layers are of one size, so one is enough to find the largest variable.
    shapes = variables({**config, "num_layers": 1}).values()
    kept = round(share * num_parameters(config) * BYTES[dtype])
    largest = 4 * max(map(math.prod, shapes))
    return kept + largest + _program_bytes(config) + free_memory.SCARCE_BYTES


def _program_bytes(config: Mapping[str, Any]) -> int:
    """What XLA on CPU holds of the programs for one text of up to 1,024 tokens.

    Measured with jaxlib 0.10: 352 MB for 30 layers in float32, 513 MB in int8, 109 MB
    for 6. What is computed counts, not how large the layers are.
    """
    return 60_000_000 + 16_000_000 * int(config["num_layers"])


def require_memory(
    name: str, config: Mapping[str, Any], dtype: str = "float32", share: float = 1.0
) -> None:
    """Compares what a model, or this process's share of it, needs with what is free.

    Raises:
        LoadError: It does not fit; says what would.
    """
    needed = needed_bytes(config, dtype, share)
    free = free_memory.free_bytes()
    if needed <= free:
        return
    sizes = {dtype: needed_bytes(config, dtype, share) for dtype in _WHAT_COULD_BE}
    fitting = [f"{d} ({_gb(size)})" for d, size in sizes.items() if size <= free]
    advice = (
        f"What would fit: {', '.join(fitting)}; choose it as `dtype`."
        if fitting
        else f"Even int8 would need {_gb(sizes['int8'])}; choose a smaller model."
    )
    raise LoadError(
        f"{name} has {num_parameters(dict(config)) / 1e9:.2f} billion parameters and "
        f"needs {_gb(needed)} of memory in {dtype}, but {_gb(free)} are free. {advice} "
        "Closing other programs helps too, or a higher limit for this container."
    )


def _gb(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB"
