"""How well a model predicts works that it has never seen, in bits for each byte."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import keras
import numpy as np
from numpy.typing import NDArray

from playground.models import MistralCausalLM
from playground.tokenizers import Tokenizer
from playground.training.batches import Ids, cut, start_and_end, token_stream
from playground.training.trigram import trigram_surprisal

Read = Callable[[Ids, Ids], jax.Array]
_TOKENS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a text costs: nats over all of its tokens, the end token among them."""

    nats: float
    num_tokens: int
    num_bytes: int

    @property
    def bits_per_byte(self) -> float:
        """Does not depend on how the text was cut into tokens."""
        return self.nats / math.log(2) / self.num_bytes

    @property
    def nats_per_token(self) -> float:
        return self.nats / self.num_tokens

    def __add__(self, other: "Score") -> "Score":
        return Score(
            nats=self.nats + other.nats,
            num_tokens=self.num_tokens + other.num_tokens,
            num_bytes=self.num_bytes + other.num_bytes,
        )


def score_model(model: MistralCausalLM, texts: Mapping[str, str]) -> dict[str, Score]:
    """Name -> score; each token is predicted from at least half a context before it.

    The context is the preprocessor's `sequence_length`, the length of its training.
    """
    tokenizer = model.text_preprocessor.tokenizer
    streams = {name: token_stream([text], tokenizer) for name, text in texts.items()}
    read = _compiled(model)
    return {
        name: _score(stream, _surprisal(model, read, stream), texts[name])
        for name, stream in streams.items()
    }


def score_trigram(
    tokenizer: Tokenizer, training: Mapping[str, str], texts: Mapping[str, str]
) -> dict[str, Score]:
    """Name -> score of a trigram that has learned the same texts in the same tokens."""
    learned = token_stream(training.values(), tokenizer)
    size = tokenizer.vocabulary_size()
    streams = {name: token_stream([text], tokenizer) for name, text in texts.items()}
    return {
        name: _score(stream, trigram_surprisal(learned, stream, size), texts[name])
        for name, stream in streams.items()
    }


def _score(stream: Ids, nats: NDArray[Any], text: str) -> Score:
    return Score(
        nats=float(nats.sum()),
        num_tokens=len(stream),
        num_bytes=len(text.encode()),
    )


def _surprisal(model: MistralCausalLM, read: Read, stream: Ids) -> NDArray[Any]:
    """The surprisal of each token, in nats."""
    preprocessor = model.text_preprocessor
    start, _ = start_and_end(preprocessor.tokenizer)
    length = min(preprocessor.sequence_length, len(stream))
    nats = np.empty(len(stream))
    # From the last to the first: the end of a piece, which has at least half of it
    # before, is written over the beginning of the next.
    starts = overlapping(len(stream), length)[::-1]
    # All batches are of one size, so some pieces are read again.
    size = max(1, _TOKENS_AT_ONCE // length)
    starts = np.pad(starts, (0, -len(starts) % size), mode="edge")
    for rows in starts.reshape(-1, size):
        inputs, labels = cut(stream, rows, length, start)
        found = np.asarray(read(inputs["token_ids"], labels))
        for row, values in zip(rows, found, strict=True):
            nats[row : row + length] = values
    return nats


def _compiled(model: MistralCausalLM) -> Read:
    """`score`, as one program for each shape of ids and targets [N, T]."""
    variables = model.variables

    @jax.jit
    def read(weights: list[jax.Array], ids: jax.Array, targets: jax.Array) -> jax.Array:
        mapping = list(zip(variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return model.score(ids, scoring_mode="loss", target_ids=targets)

    weights = [variable.value for variable in variables]
    return partial(read, weights)


def overlapping(num_tokens: int, length: int) -> Ids:
    """Where pieces begin that overlap by half; the last one ends with the text.

    >>> overlapping(11, 4).tolist()
    [0, 2, 4, 6, 7]
    """
    last = num_tokens - length
    places = [*range(0, last, max(1, length // 2)), last]
    return np.array(places, np.int32)
