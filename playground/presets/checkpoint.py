"""What a loaded preset is, before it becomes a Keras model."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.tokenizers import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Description:
    """All of a model but its weights, in this project's own names.

    Attributes:
        name: What to call it: the preset's name, or the file's.
        config: Arguments of `MistralBackbone`, and `context_length` (tokens) and
            `tie_word_embeddings`.
        tokenizer: Made from the same files.
        preprocessor: Arguments of `MistralCausalLMPreprocessor` that the preset has.
    """

    name: str
    config: dict[str, Any]
    tokenizer: Tokenizer
    preprocessor: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Description):
    """A model with its weights.

    Attributes:
        tensors: Call it to walk through the weights once: (variable path, values),
            one tensor in memory after the other. Kernels are (out, in).
            Raises LoadError when the file has changed since it was opened.
        num_bytes: Size of all those values together, for a progress bar.
    """

    tensors: Callable[[], Iterator[tuple[str, NDArray[np.float32]]]]
    num_bytes: int
