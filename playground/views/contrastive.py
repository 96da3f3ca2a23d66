"""Why contrastive search took a token: its confidence against its repetition.

    score = (1 - alpha) * probability - alpha * similarity
            `---- confidence ----'     `--- penalty ---'

The token with the highest score is taken. `similarity` is the largest cosine between
the hidden state that the token would get and those of all tokens before it
(https://arxiv.org/abs/2202.06417).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from playground.engine import Candidate
from playground.models.places import whole
from playground.tokenizers import Tokenizer
from playground.views.amounts import percent
from playground.views.labels import labels
from playground.views.view import Table
from playground.views.window import counted


@dataclass(frozen=True, kw_only=True)
class ContrastiveView:
    """The candidates of one step, likeliest first; `chosen` is the one taken.

    `index` counts new tokens from 0; `alpha` is the weight of the similarity, [0, 1].
    """

    index: int
    alpha: float
    candidates: tuple[Candidate, ...]
    labels: tuple[str, ...]
    chosen: int

    def confidence(self, n: int) -> float:
        """What speaks for candidate n, in [0, 1]."""
        return (1 - self.alpha) * self.candidates[n].probability

    def penalty(self, n: int) -> float:
        """What speaks against it, in [-1, 1]."""
        return self.alpha * self.candidates[n].similarity

    @property
    def title(self) -> str:
        return f"Contrastive search, new token {self.index:,}: likely but not alike"

    def words(self) -> str:
        n = self.chosen
        told = (
            f"Of {counted(len(self.candidates), 'candidate')}, {self.labels[n]} has "
            f"the highest score, {self.candidates[n].score:.3f}: confidence "
            f"{self.confidence(n):.3f} less a penalty of {self.penalty(n):.3f}."
        )
        if n == 0:
            return f"{told} It is also the likeliest."
        return (
            f"{told} The likeliest, {self.labels[0]} "
            f"({percent(self.candidates[0].probability)}), has "
            f"{self.candidates[0].score:.3f}, as it repeats more."
        )

    def table(self) -> Table:
        places = range(len(self.candidates))
        return Table.of(
            {
                "token": self.labels,
                "id": [each.token_id for each in self.candidates],
                "probability": [each.probability for each in self.candidates],
                "similarity": [each.similarity for each in self.candidates],
                "confidence": map(self.confidence, places),
                "penalty": map(self.penalty, places),
                "score": [each.score for each in self.candidates],
                "chosen": ["chosen" if n == self.chosen else "" for n in places],
            }
        )


def contrastive_view(
    tokenizer: Tokenizer,
    candidates: Sequence[Candidate],
    token_id: int,
    alpha: float,
    index: int = 0,
) -> ContrastiveView:
    """The candidates of one `Step`, of which `token_id` was taken.

    Raises ValueError if it is none of them: no contrastive search made the step.
    """
    token_id, index = whole("token_id", token_id, 0), whole("index", index, 0)
    ids = [each.token_id for each in candidates]
    if token_id not in ids:
        raise ValueError(
            f"Token {token_id} is none of the {len(ids)} candidates. Only the steps of "
            "a contrastive search have them."
        )
    return ContrastiveView(
        index=index,
        alpha=alpha,
        candidates=tuple(candidates),
        labels=labels(tokenizer, ids),
        chosen=ids.index(token_id),
    )
