"""What keras-hub was asked for `keras_hub.npz`, and what we are asked to match."""

from typing import Any

import numpy as np

CASES = ("grouped_query", "grouped_query_window_8", "wide_heads_window_8")
LENGTH = 26
PROMPTS = (5, 12)
STEPS = 20
SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "greedy": ("GreedySampler", {}),
    "beam_1": ("BeamSampler", {"num_beams": 1}),
    "beam_3": ("BeamSampler", {"num_beams": 3}),
    "beam_5_warm": ("BeamSampler", {"num_beams": 5, "temperature": 3.0}),
    "contrastive_1": ("ContrastiveSampler", {"k": 1}),
    "contrastive_5": ("ContrastiveSampler", {}),
    "contrastive_3_mild": (
        "ContrastiveSampler",
        {"k": 3, "alpha": 0.2, "temperature": 4.0},
    ),
}


def intercept(x: Any, layer: int) -> Any:
    """Changes the embeddings and the first layer, so that order and index show."""
    return x * {-1: 1.5, 0: 0.75}.get(layer, 1.0)


def lesson(case: Any) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """A ragged batch to learn from: inputs, the next tokens, weights of real ones."""
    mask = case.padding_mask
    inputs = {"token_ids": case.token_ids, "padding_mask": mask.astype("int32")}
    weights = (mask & np.roll(mask, -1, axis=1)).astype("float32")
    weights[:, -1] = 0
    return inputs, np.roll(case.token_ids, -1, axis=1), weights
