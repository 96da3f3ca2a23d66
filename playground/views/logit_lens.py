"""The logit lens: what each layer's hidden state would already predict.

The output of a layer is given to the final norm and the vocabulary head, as if the
layers after it were not there: https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.models import Explained
from playground.models.places import places, whole
from playground.tokenizers import Tokenizer
from playground.views.amounts import percent
from playground.views.explained_text import NOBODY, Waiting
from playground.views.labels import labels
from playground.views.view import Table

MAX_POSITIONS = 64
EMBEDDINGS = -1
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class LogitLensView:
    """What would come after some positions, layer by layer.

    `layers` [L]: -1 for the embeddings, then 0, 1, ...; the last is the model itself.
    `positions` [N] and their `labels`. `top_tokens` i32 [L, N, m] are the likeliest,
    first the first, with `top_labels` and `top_probabilities` f32 [L, N, m].
    `target_tokens` i32 [N]: the token that really follows; of the text's last token,
    the one that the model finds likeliest. `target_rank` i32 [L, N] is 1 where a layer
    finds it the likeliest, `target_probability` f32 [L, N]. `entropy` f32 [L, N] and
    `divergence` f32 [L, N], KL(model || layer), are in nats.
    """

    layers: tuple[int, ...]
    positions: tuple[int, ...]
    labels: tuple[str, ...]
    top_tokens: Ints
    top_labels: tuple[tuple[tuple[str, ...], ...], ...]
    top_probabilities: Floats
    target_tokens: Ints
    target_labels: tuple[str, ...]
    target_rank: Ints
    target_probability: Floats
    entropy: Floats
    divergence: Floats

    @property
    def settled(self) -> tuple[int, ...]:
        """From which layer on each position's first choice stays the model's own."""
        same = self.top_tokens[:, :, 0] == self.top_tokens[-1, :, 0]
        kept = np.cumprod(same[::-1], axis=0).sum(axis=0)
        return tuple(self.layers[-n] for n in kept.tolist())

    title = "What each layer would say next"

    def words(self) -> str:
        position, label = self.positions[-1], self.labels[-1]
        first, last = self.top_labels[0][-1][0], self.top_labels[-1][-1][0]
        chance = percent(float(self.top_probabilities[-1, -1, 0]))
        return (
            f"After token {position} “{label}” the model would say “{last}” with "
            f"{chance}, and does so from {layer_name(self.settled[-1])} on. Its "
            f"embedding alone would say “{first}”."
        )

    def table(self) -> Table:
        """The likeliest token of each layer and position, and how the real one does."""
        layers, at = np.indices(self.target_rank.shape).reshape(2, -1).tolist()
        return Table.of(
            {
                "layer": [layer_name(self.layers[i]) for i in layers],
                "position": [self.positions[n] for n in at],
                "token": [self.labels[n] for n in at],
                "likeliest next": [
                    self.top_labels[i][n][0] for i, n in zip(layers, at, strict=True)
                ],
                "probability": self.top_probabilities[:, :, 0].ravel(),
                "real next": [self.target_labels[n] for n in at],
                "its probability": self.target_probability.ravel(),
                "its rank": self.target_rank.ravel(),
            }
        )


def layer_name(layer: int) -> str:
    """A layer of the lens in words."""
    return "the embedding" if layer == EMBEDDINGS else f"layer {layer}"


def logit_lens_view(
    explained: Explained,
    tokenizer: Tokenizer,
    positions: Sequence[int],
    most_tokens: int = 5,
    waiting: Waiting = NOBODY,
) -> LogitLensView:
    """What each layer would say after some positions, up to 64 of them.

    Raises ValueError for other positions, ExplainStopped.
    """
    length, most_tokens = len(explained), whole("most_tokens", most_tokens, 1)
    expected = f"The lens takes 1 to {MAX_POSITIONS} positions from 0 to {length - 1}"
    if len(positions) > MAX_POSITIONS:
        raise ValueError(f"{expected}, got {len(positions)} `positions`.")
    try:
        positions = places("positions", positions, length)
    except ValueError as fault:
        raise ValueError(f"{expected}: {fault}") from None
    own = _logprobs(explained, explained.num_layers - 1, positions)
    targets = np.array(
        [
            explained.token_ids[place + 1] if place + 1 < length else likeliest
            for place, likeliest in zip(positions, own.argmax(axis=1), strict=True)
        ],
        np.int32,
    )
    layers = range(EMBEDDINGS, explained.num_layers)
    found = [
        _look(_logprobs(explained, layer, positions), own, targets, most_tokens)
        for layer in waiting.layer_by_layer(layers)
    ]
    stacked = {name: np.stack([each[name] for each in found]) for name in found[0]}
    return LogitLensView(
        layers=tuple(layers),
        positions=tuple(positions),
        labels=labels(tokenizer, [explained.token_ids[each] for each in positions]),
        top_labels=tuple(
            tuple(labels(tokenizer, row.tolist()) for row in layer)
            for layer in stacked["top_tokens"]
        ),
        target_tokens=targets,
        target_labels=labels(tokenizer, targets.tolist()),
        **stacked,
    )


def _logprobs(
    explained: Explained, layer: int, positions: Sequence[int]
) -> NDArray[np.float64]:
    """ln of the probabilities [N, V] that a layer would give."""
    logits = explained.lens(layer, positions).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    logprobs: NDArray[np.float64] = logits - np.log(
        np.exp(logits).sum(axis=1, keepdims=True)
    )
    return logprobs


def _look(
    logprobs: NDArray[np.float64],
    own: NDArray[np.float64],
    targets: Ints,
    most: int,
) -> dict[str, NDArray[Any]]:
    """The fields of a layer."""
    chances, rows = np.exp(logprobs), np.arange(len(targets))
    top = np.argsort(-logprobs, axis=1, kind="stable")[:, :most]
    chosen = logprobs[rows, targets]
    return {
        "top_tokens": top.astype(np.int32),
        "top_probabilities": chances[rows[:, None], top].astype(np.float32),
        "target_rank": 1 + (logprobs > chosen[:, None]).sum(axis=1, dtype=np.int32),
        "target_probability": np.exp(chosen).astype(np.float32),
        "entropy": -(chances * logprobs).sum(axis=1).astype(np.float32),
        "divergence": (np.exp(own) * (own - logprobs)).sum(axis=1).astype(np.float32),
    }
