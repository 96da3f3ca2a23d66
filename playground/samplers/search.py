"""The samplers that search: they read several continuations before they choose.

Like the others they hold numbers only; the engine does the search
(engine/beam_search.py, engine/contrastive_search.py).
"""

from dataclasses import dataclass
from typing import Any

from playground.controls.bounds import Range, Whole
from playground.samplers.samplers import Sampler

_COUNT = Whole(1)
_ALPHA = Range(0, 1, advice="Use 0 to look at probability only.")


@dataclass(frozen=True, kw_only=True)
class BeamValues:
    """The numbers of a beam search; ranges as in `BeamSampler`."""

    num_beams: int
    temperature: float = 1.0
    return_all_beams: bool = False


@dataclass(frozen=True, kw_only=True)
class ContrastiveValues:
    """The numbers of a contrastive search; ranges as in `ContrastiveSampler`."""

    k: int
    alpha: float
    temperature: float = 1.0


class BeamSampler(Sampler):
    """Keeps the `num_beams` likeliest texts, and goes on with each of them.

    The score of a text is the sum of its tokens' log-probabilities. A text that has
    ended with a stop token keeps its score and its place. (keras_hub goes on writing
    behind the stop token and counts what comes there.)

    Args:
        num_beams: texts kept, >= 1; 1 is greedy.
        return_all_beams: whether `generate` gives all of them, best first, instead of
            the best.
        temperature: as in `Sampler`, but above 0.
    """

    def __init__(
        self,
        num_beams: int = 5,
        return_all_beams: bool = False,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(temperature=temperature)
        _refuse_zero(self.temperature)
        self.num_beams = _COUNT.check("num_beams", num_beams)
        self.return_all_beams = bool(return_all_beams)

    def values(self) -> BeamValues:
        return BeamValues(
            num_beams=self.num_beams,
            temperature=self.temperature,
            return_all_beams=self.return_all_beams,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_beams": self.num_beams,
            "return_all_beams": self.return_all_beams,
        }


class ContrastiveSampler(Sampler):
    """Takes the likely token that repeats the least (https://arxiv.org/abs/2202.06417).

    Of the k likeliest tokens, the one with the highest
    `(1 - alpha) * probability - alpha * similarity`, where similarity is the largest
    cosine between the hidden state that the token would get and those of all tokens
    before it.

    Args:
        k: tokens compared, >= 1.
        alpha: weight of the similarity, [0, 1]; 0 is greedy.
        temperature: as in `Sampler`, but above 0.
    """

    def __init__(
        self, k: int = 5, alpha: float = 0.6, temperature: float = 1.0
    ) -> None:
        super().__init__(temperature=temperature)
        _refuse_zero(self.temperature)
        self.k = _COUNT.check("k", k)
        self.alpha = _ALPHA.check("alpha", alpha)

    def values(self) -> ContrastiveValues:
        return ContrastiveValues(
            k=self.k, alpha=self.alpha, temperature=self.temperature
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k, "alpha": self.alpha}


def _refuse_zero(temperature: float) -> None:
    if temperature == 0:
        raise ValueError(
            "A search needs a `temperature` above 0, got 0. Use GreedySampler instead."
        )
