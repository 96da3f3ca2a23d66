"""A text that was read layer by layer, and what each layer was given.

T tokens, D hidden dim. Of long texts only the inputs of every n-th layer are kept, so
many that they fit into 320 MB, or a quarter of what is free; those between two of them
are computed again, together, when one is asked for.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.engine.kv_cache import KVCache, RingPlan
from playground.models.layer_programs import (
    CHUNK,
    LayerPrograms,
    int32,
    padded,
    padded_size,
)
from playground.models.places import whole
from playground.system import free_memory
from playground.system.progress import Progress, Stopped, never

MAX_TOKENS = 8192
KEPT_BYTES = 320 * 2**20


class ExplainStopped(Exception):
    """Somebody did not want to wait any longer."""


class TextReading:
    """Reads a text when it is made; weights are the ones that it was read with.

    `sliding_window`: tokens that a token sees, itself included; at most T. Where layers
    differ it is that of the widest, and `layer_windows` has the window of each.
    """

    def __init__(
        self,
        programs: LayerPrograms,
        token_ids: Sequence[int],
        sliding_window: int,
        progress: Progress,
        stopped: Stopped,
    ) -> None:
        self.programs = programs
        self.weights = programs.weights()
        self.outer_weights = programs.outer_weights()
        self.token_ids = tuple(map(int, token_ids))
        self.sliding_window = min(sliding_window, len(token_ids))
        rings = RingPlan.of(programs.backbone.layer_windows)
        self.layer_windows: list[int] = [
            rings.window(ring, self.sliding_window) for ring in rings.ring_of_layer
        ]
        self.num_layers: int = programs.backbone.num_layers
        self.chunk = padded_size(len(token_ids), CHUNK)
        self._between: dict[int, NDArray[Any]] = {}
        x = self._embeddings()
        kept_bytes = max(1, min(KEPT_BYTES, free_memory.free_bytes() // 4))
        self._stride = -(-self.num_layers * x.nbytes // kept_bytes)
        self._kept: dict[int, NDArray[Any]] = {}
        for layer in range(self.num_layers):
            if layer % self._stride == 0:
                self._kept[layer] = x
            x = self._read(layer, x, stopped)
            done = layer + 1
            progress(
                f"Reading layer {done} of {self.num_layers}", done / self.num_layers
            )
        self._kept[self.num_layers] = x

    def input(self, layer: int) -> NDArray[Any]:
        """What a layer is given [T, D]; of `num_layers`, the last layer's output."""
        return self.padded_input(layer)[: len(self.token_ids)]

    def padded_input(self, layer: int) -> NDArray[Any]:
        """The same, with what is computed for padding up to a multiple of `chunk`."""
        if layer in self._kept:
            return self._kept[layer]
        if layer not in self._between:
            first = layer - layer % self._stride
            last = min(first + self._stride, self.num_layers) - 1
            x, self._between = self._kept[first], {}
            for each in range(first, last):
                x = self._between[each + 1] = self._read(each, x)
        return self._between[layer]

    def empty_cache(self, layer: int, length: int) -> KVCache:
        """A ring for a layer over a text of that many tokens."""
        needed = min(length, self.layer_windows[layer] + self.chunk - 1)
        return self.programs.empty_cache(padded_size(needed))

    def _embeddings(self) -> NDArray[Any]:
        length = -(-len(self.token_ids) // self.chunk) * self.chunk
        ids = padded(int32(self.token_ids), length).reshape(-1, self.chunk)
        found = [self.programs.embed(self.outer_weights, each) for each in ids]
        return np.concatenate(found)

    def _read(
        self, layer: int, x: NDArray[Any], stopped: Stopped = never
    ) -> NDArray[Any]:
        """The output [padded T, D] of a layer for its input."""
        out, cache = np.empty_like(x), self.empty_cache(layer, len(x))
        for start in range(0, len(x), self.chunk):
            if stopped():
                raise ExplainStopped(f"Stopped in layer {layer}.")
            chunk = slice(start, start + self.chunk)
            count = min(self.chunk, len(self.token_ids) - start)
            place = int32(start), int32(count), int32(self.layer_windows[layer])
            found, cache = self.programs.step(
                self.weights[layer], cache, x[chunk], *place
            )
            out[chunk] = np.asarray(found)
        return out


def check_text(
    token_ids: Sequence[int],
    sliding_window: int | None,
    vocabulary_size: int,
    context_length: int | None = None,
) -> None:
    """Raises ValueError for a text or a window that cannot be explained."""
    most = min(MAX_TOKENS, context_length or MAX_TOKENS)
    if not 1 <= len(token_ids) <= most:
        raise ValueError(
            f"A text to be explained has 1 to {most:,} tokens, got {len(token_ids):,}. "
            "Shorten it."
        )
    wrong = [each for each in token_ids if not 0 <= each < vocabulary_size]
    if wrong:
        raise ValueError(
            f"Token ids must be from 0 to {vocabulary_size - 1:,}, got {wrong[0]}."
        )
    if sliding_window is not None:
        whole("sliding_window", sliding_window, 1)
