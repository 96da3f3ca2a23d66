"""Texts as fixed-length sequences: what a training step sees.

N sequences, T tokens in each.
"""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from playground.tokenizers import Tokenizer

Ids = NDArray[np.int32]
Batch = tuple[dict[str, Ids], Ids]


def token_stream(texts: Iterable[str], tokenizer: Tokenizer) -> Ids:
    """The tokens of all texts one after the other, an end token after each."""
    _, end = start_and_end(tokenizer)
    ids = [np.array([*tokenizer.tokenize(text), end], np.int32) for text in texts]
    return np.concatenate(ids)


def start_and_end(tokenizer: Tokenizer) -> tuple[int, int]:
    """The two tokens around a text. Raises ValueError where there are none."""
    start, end = tokenizer.start_token_id, tokenizer.end_token_id
    if start is None or end is None:
        raise ValueError(
            "Training and scoring put a start and an end token around a text, and this "
            "tokenizer lacks one of them. Choose a model that has both."
        )
    return start, end


def line_starts(stream: Ids, tokenizer: Tokenizer) -> Ids:
    """The places in a stream that follow a line break or the end of a text."""
    before = stream[:-1]
    is_break = before == tokenizer.token_to_id("\n")
    after = np.flatnonzero(is_break | (before == tokenizer.end_token_id)) + 1
    return np.concatenate([[0], after]).astype(np.int32)


def cut(stream: Ids, starts: Ids, length: int, start_token_id: int) -> Batch:
    """Sequences that begin at `starts`, each behind a start token.

    With the stream 5 6 7 8 9, starts 0 and 2 and a length of 3:

        token_ids  <s> 5 6    labels  5 6 7
                   <s> 7 8            7 8 9

    Gives token ids and padding mask, both [N, T], and labels [N, T].
    """
    labels = stream[starts[:, None] + np.arange(length, dtype=np.int32)]
    first = np.full((len(starts), 1), start_token_id, np.int32)
    ids = np.concatenate([first, labels[:, :-1]], axis=1)
    return {"token_ids": ids, "padding_mask": np.ones_like(ids)}, labels


class Sequences(keras.utils.PyDataset):
    """Batches out of a stream, in an order that only `seed` and the step decide.

    Each time through the stream it is cut at other places, always before a line, and
    the pieces come in another order. Keras counts `steps_per_epoch` steps as an epoch;
    the callback `follow` tells which one it is, so that training can go on in the
    middle as if it had never stopped.
    """

    def __init__(
        self,
        stream: Ids,
        tokenizer: Tokenizer,
        *,
        length: int,
        batch_size: int,
        steps_per_epoch: int,
        seed: int,
    ) -> None:
        super().__init__()
        if len(stream) < 2 * length:
            raise ValueError(
                f"The texts have {len(stream):,} tokens, too few for sequences of "
                f"{length:,}. Give more text, or shorter sequences."
            )
        self._stream, (self._start_token_id, _) = stream, start_and_end(tokenizer)
        self._lines = line_starts(stream, tokenizer)
        self._length, self._batch_size, self._seed = length, batch_size, seed
        self._steps_per_epoch, self._epoch = steps_per_epoch, 0
        self._per_pass = max(1, (len(stream) - length) // length // batch_size)

    def __len__(self) -> int:
        return self._steps_per_epoch

    def __getitem__(self, index: int) -> Batch:
        step = self._epoch * self._steps_per_epoch + index
        number, batch = divmod(step, self._per_pass)
        starts = self._starts_of_pass(number)
        chosen = starts[batch * self._batch_size :][: self._batch_size]
        return cut(self._stream, chosen, self._length, self._start_token_id)

    def _starts_of_pass(self, number: int) -> Ids:
        """Where the sequences begin, the `number`th time through the stream."""
        numbers = np.random.default_rng([self._seed, number])
        offset = numbers.integers(self._length)
        places = np.arange(offset, len(self._stream) - self._length, self._length)
        line = np.searchsorted(self._lines, places, side="right") - 1
        return numbers.permutation(self._lines[line])

    def follow(self) -> Any:
        """A Keras callback for `fit`."""

        def begin(epoch: int, _logs: Any) -> None:
            self._epoch = epoch

        return keras.callbacks.LambdaCallback(on_epoch_begin=begin)
