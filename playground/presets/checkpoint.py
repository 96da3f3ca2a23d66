"""What a loaded preset is, before it becomes a Keras model."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

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
        read_tokenizer: Makes it from the same files; not asked for weights alone.
        preprocessor: Arguments of `MistralCausalLMPreprocessor` that the preset has.
        notes: What was left out of the files, a sentence each.
    """

    name: str
    config: dict[str, Any]
    read_tokenizer: Callable[[], Tokenizer]
    preprocessor: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Made from the same files. Raises LoadError if they have none that works."""
        return self.read_tokenizer()

    def with_note(self, note: str) -> Self:
        """The same with one more note."""
        return replace(self, notes=(*self.notes, note))


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
