"""Texts as people give them: one, a batch, or a dataset of batches."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import keras
import numpy as np

Texts = str | Sequence[str] | np.ndarray


def as_texts(x: Any) -> list[str] | None:
    """The texts of a text or a batch, or None if it is something else.

    A batch is a list, a tuple, or an array: of tf.data's too, which holds bytes.
    """
    if isinstance(x, str | bytes):
        x = [x]
    elif hasattr(x, "__array__"):
        x = np.asarray(x).reshape(-1).tolist()
    if not isinstance(x, list | tuple):
        return None
    texts = [text.decode() if isinstance(text, bytes) else text for text in x]
    return texts if all(isinstance(text, str) for text in texts) else None


def text_batches(x: Any, prepare: Callable[[list[str]], Any]) -> Any:
    """A dataset of texts as one of arrays for Keras; anything else as it is.

    The texts are read at once, so that several epochs can go through them; each batch
    becomes tokens when its turn comes.
    """
    if not isinstance(x, Iterable) or isinstance(
        x, dict | tuple | keras.utils.PyDataset
    ):
        return x
    batches = iter(x)
    first = next(batches, None)
    if as_texts(first) is None:
        # What was taken out of a generator is put back.
        return x if batches is not x else (batch for batch in chain([first], batches))
    return TextBatches([as_texts(batch) for batch in chain([first], batches)], prepare)


class TextBatches(keras.utils.PyDataset):
    """Batches of texts, each prepared when it is asked for."""

    def __init__(self, batches: Sequence[Any], prepare: Callable[..., Any]) -> None:
        super().__init__()
        self.batches = batches
        self.prepare = prepare

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        return self.prepare(self.batches[index])
