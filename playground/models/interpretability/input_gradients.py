"""Which tokens a prediction hangs on: its gradient by the text's embeddings.

Layer by layer from the last to the first, by the layers of the model, so that only one
layer's intermediate values are in memory.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.models.interpretability.explained import Explained
from playground.models.interpretability.text_reading import ExplainStopped, TextReading
from playground.models.layer_programs import int32, padded
from playground.models.places import place
from playground.system.progress import Progress, Stopped, never, say_nothing


@dataclass(frozen=True, kw_only=True)
class Salience:
    """How ln of a token's probability changes with each embedding before it, [T].

    `gradient_times_input`: the sum over the embedding of gradient times value, in nats:
    the first-order change if it grew; what is negative speaks against the token.
    https://arxiv.org/abs/1412.6815, https://arxiv.org/abs/1605.01713
    `gradient_norm`: the gradient's length, in nats for each unit of the embedding;
    https://arxiv.org/abs/1312.6034, which took the largest instead.
    `logprob`: ln of the token's probability.
    """

    gradient_times_input: NDArray[np.float32]
    gradient_norm: NDArray[np.float32]
    logprob: float


def salience(
    explained: Explained,
    position: int,
    token_id: int,
    progress: Progress = say_nothing,
    stopped: Stopped = never,
) -> Salience:
    """What the probability of `token_id` right after `position` hangs on.

    The tokens behind `position` have 0. Takes about three times as long as reading the
    text. Raises ValueError for an id or position that is not there, ExplainStopped.
    """
    position = place("position", position, len(explained))
    vocabulary = explained.reading.programs.backbone.vocabulary_size
    token_id = place("token_id", token_id, vocabulary)
    reading = explained.reading
    logprob, at_position = reading.programs.logprob_gradient(
        reading.outer_weights,
        reading.input(reading.num_layers)[position],
        int32(token_id),
    )
    gradient = np.zeros_like(reading.input(0))
    gradient[position] = at_position
    for layer in reversed(range(reading.num_layers)):
        if stopped():
            raise ExplainStopped(f"Stopped before layer {layer}.")
        gradient = _pulled_back(reading, layer, gradient, position + 1)
        done = reading.num_layers - layer
        progress(f"Back through layer {layer}", done / reading.num_layers)
    gradient = gradient.astype(np.float32)
    return Salience(
        gradient_times_input=(gradient * explained.hidden(-1)).sum(axis=1),
        gradient_norm=np.sqrt((gradient**2).sum(axis=1)),
        logprob=float(logprob),
    )


def _pulled_back(
    reading: TextReading, layer: int, gradient: NDArray[Any], count: int
) -> NDArray[Any]:
    """The gradient [T, D] by a layer's inputs; only the first `count` tokens matter.

    Chunks come in powers of two, so that few programs compile.
    """
    chunk, out = reading.chunk, np.zeros_like(gradient)
    num_chunks = 1 << (-(-count // chunk) - 1).bit_length()
    length = num_chunks * chunk

    def chunks(rows: NDArray[Any]) -> NDArray[Any]:
        return padded(rows[:count], length).reshape(num_chunks, chunk, -1)

    found = reading.programs.pull_back(
        reading.weights[layer],
        reading.empty_cache(layer, length),
        chunks(reading.input(layer)),
        chunks(gradient),
        int32(count),
        int32(reading.layer_windows[layer]),
    )
    out[:count] = np.asarray(found).reshape(length, -1)[:count]
    return out
