"""Texts as people give them: one, a batch, or a dataset of batches."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras.src.trainers.data_adapters import data_adapter_utils
from keras.src.trainers.data_adapters.data_adapter import DataAdapter

Texts = str | Sequence[str] | np.ndarray
Prepare = Callable[..., tuple[Any, Any, Any]]
"""Texts, labels and weights to Keras's inputs, labels and weights."""


def as_texts(x: Any) -> list[str] | None:
    """The texts of a text or a batch, or None if it is something else.

    A batch is a list, a tuple, or an array: of tf.data's too, which holds bytes.
    """
    if isinstance(x, str | bytes):
        x = [x]
    elif hasattr(x, "__array__"):
        array = np.asarray(x)
        x = array.reshape(-1).tolist() if array.dtype.kind in "OSU" else None
    if not isinstance(x, list | tuple):
        return None
    texts = [text.decode() if isinstance(text, bytes) else text for text in x]
    return texts if all(isinstance(text, str) for text in texts) else None


def texts_of_batch(batch: Any) -> list[str] | None:
    """The texts of a dataset's batch, which may be a tuple that begins with them.

    A list may be such a tuple too, but not one that begins with a single text.
    """
    texts = as_texts(batch)
    if texts is not None or not isinstance(batch, list | tuple):
        return texts
    is_text = isinstance(batch, list) and bool(batch) and isinstance(batch[0], str)
    return as_texts(batch[0]) if 1 <= len(batch) <= 3 and not is_text else None


def batches_of(x: Any) -> Iterator[Any]:
    """The batches of a dataset, each read when it is asked for.

    Raises ValueError if there is none.
    """
    is_empty = True
    for batch in x if isinstance(x, Iterable) else (x[i] for i in range(len(x))):
        is_empty = False
        yield batch
    if is_empty:
        raise _without_batches(x)


def _without_batches(x: Any) -> ValueError:
    return ValueError(
        f"The {type(x).__name__} gives no batch: it is empty, or was read before. "
        "Give a dataset of at least one batch."
    )


def is_dataset(x: Any) -> bool:
    """Whether `x` gives batches one after the other: not an array, a text or a dict."""
    if isinstance(x, str | bytes | dict | tuple) or hasattr(x, "__array__"):
        return False
    if isinstance(x, list):  # of batches, unless it is arrays
        return bool(x) and as_texts(x) is None and texts_of_batch(x[0]) is not None
    has_places = hasattr(x, "__getitem__") and hasattr(x, "__len__")
    return isinstance(x, Iterable) or has_places


def prepared_dataset(x: Any, prepare: Prepare) -> Any:
    """A dataset of texts as one of arrays, each batch prepared when its turn comes.

    Batches that are arrays stay as they are, and so does what is no dataset.
    """
    if isinstance(x, DataAdapter | _PreparedBatches) or not is_dataset(x):
        return x
    has_places = isinstance(x, list | keras.utils.PyDataset)
    if has_places or not isinstance(x, Iterable):
        return _PreparedBatches(x, prepare)
    return _PreparedStream(x, prepare)


def _prepared(batch: Any, prepare: Prepare) -> Any:
    if as_texts(batch) is not None:
        return prepare(batch)
    return batch if texts_of_batch(batch) is None else prepare(*batch)


class _PreparedBatches(keras.utils.PyDataset):
    """Batches that may be asked for in any order."""

    def __init__(self, batches: Any, prepare: Prepare) -> None:
        names = ("workers", "use_multiprocessing", "max_queue_size")
        super().__init__(
            **{n: getattr(batches, n) for n in names if hasattr(batches, n)}
        )
        self._batches = batches
        self._prepare = prepare

    @property
    def num_batches(self) -> int | None:
        """How many there are; None if they never end."""
        is_keras = isinstance(self._batches, keras.utils.PyDataset)
        number = self._batches.num_batches if is_keras else len(self._batches)
        if number == 0:
            raise _without_batches(self._batches)
        return None if number is None else int(number)

    def __getitem__(self, index: int) -> Any:
        return _prepared(self._batches[index], self._prepare)

    def on_epoch_begin(self) -> None:
        self._tell("on_epoch_begin")

    def on_epoch_end(self) -> None:
        self._tell("on_epoch_end")

    def _tell(self, name: str) -> None:
        if hasattr(self._batches, name):
            getattr(self._batches, name)()


class _PreparedStream(DataAdapter):
    """Batches of a generator, tf.data, grain, a loader: one after the other.

    What can be read again begins anew with each epoch. An iterator goes on: Keras
    looks at its first batch before it begins, so that one is kept until it was used.
    """

    def __init__(self, batches: Iterable[Any], prepare: Prepare) -> None:
        self._batches = batches
        self._prepare = prepare
        self._left: Iterator[Any] | None = None
        if iter(batches) is batches:
            self._left = batches_of(batches)
            self._first = [next(self._left)]

    def get_jax_iterator(self) -> Iterator[Any]:
        found = self._from_the_start() if self._left is None else self._going_on()
        prepared = (_prepared(batch, self._prepare) for batch in found)
        return iter(data_adapter_utils.get_jax_iterator(prepared))

    def get_numpy_iterator(self) -> Iterator[Any]:
        return self.get_jax_iterator()

    def _from_the_start(self) -> Iterator[Any]:
        return batches_of(self._batches)

    def _going_on(self) -> Iterator[Any]:
        assert self._left is not None
        yield from self._first
        self._first = []
        yield from self._left

    @property
    def num_batches(self) -> int | None:
        """How many there are, if they say so."""
        try:
            return len(self._batches)  # type: ignore[arg-type]  # not all have it
        except (TypeError, NotImplementedError):
            return None

    @property
    def batch_size(self) -> None:
        """Unknown, as for a generator."""
