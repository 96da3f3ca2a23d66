"""What a token was chosen from: the funnel of the chain, and the likeliest candidates.

kept 12 of 49,152 tokens · 91.3% of the probability · 2.1 bits (≈ 4.3 equal choices)
· chosen: rank 3
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from playground.engine import StageCount, TokenRecord
from playground.models.places import whole
from playground.samplers.chain_stages import EDITS
from playground.tokenizers import Tokenizer
from playground.views.amounts import bits, percent, tokens
from playground.views.labels import labels
from playground.views.view import Table


@dataclass(frozen=True, kw_only=True)
class CandidateToken:
    """A token that could have come: its probability under the model, and the chain's.

    `rank` is 1 for the model's likeliest; equal ones share a rank.
    """

    token_id: int
    label: str
    rank: int
    before: float
    after: float
    is_chosen: bool

    @property
    def is_kept(self) -> bool:
        return self.after > 0


@dataclass(frozen=True, kw_only=True)
class CandidatesView:
    """One generated token among its candidates.

    `index` counts new tokens from 0. `stages` are those that changed what is left, and
    the first and last. `candidates` are the model's likeliest, and the chosen one
    after them if it is none of these. `entropy` is the model's, in nats.
    """

    index: int
    stages: tuple[StageCount, ...]
    candidates: tuple[CandidateToken, ...]
    entropy: float

    @cached_property
    def chosen(self) -> CandidateToken:
        return next(each for each in self.candidates if each.is_chosen)

    @property
    def others_before(self) -> float:
        """The probability that the model gives to all tokens that are not listed."""
        return max(0.0, 1 - sum(each.before for each in self.candidates))

    @property
    def others_after(self) -> float:
        """The same under the chain."""
        return max(0.0, 1 - sum(each.after for each in self.candidates))

    @property
    def caption(self) -> str:
        """What was kept, how sure the model was, and the chosen one's rank."""
        first, last = self.stages[0], self.stages[-1]
        unsure = bits(self.entropy)
        return (
            f"Kept {last.tokens:,} of {tokens(first.tokens)} · "
            f"{percent(last.probability)} of the probability · {unsure:.1f} bits "
            f"(≈ {math.exp(self.entropy):,.1f} equal choices) · "
            f"chosen: rank {self.chosen.rank:,}"
        )

    @property
    def title(self) -> str:
        return f"What new token {self.index:,} was chosen from"

    def words(self) -> str:
        chosen = self.chosen
        return (
            f"{self.caption}. The chosen token is {chosen.label}: "
            f"{percent(chosen.before)} under the model, {percent(chosen.after)} after "
            f"the sampler."
        )

    def table(self) -> Table:
        rows = [
            (
                each.rank,
                each.label,
                each.token_id,
                each.before,
                each.after,
                "kept" if each.is_kept else "dropped",
                "chosen" if each.is_chosen else "",
            )
            for each in self.candidates
        ]
        others = ("", "all others", "", self.others_before, self.others_after, "", "")
        return Table(
            columns=(
                *("rank", "token", "id", "probability", "after the sampler"),
                *("kept", "chosen"),
            ),
            rows=(*rows, others),
        )


def candidates_view(
    tokenizer: Tokenizer, record: TokenRecord, token_id: int, index: int = 0
) -> CandidatesView:
    """What `token_id`, the new token number `index`, was chosen from.

    Raises ValueError unless both are whole numbers from 0.
    """
    token_id, index = whole("token_id", token_id, 0), whole("index", index, 0)
    top = {
        each.token_id: (each.probability, each.chain_probability) for each in record.top
    }
    own = math.exp(record.logprob), math.exp(record.chain_logprob)
    shown = {**top, token_id: top.get(token_id, own)}
    named = labels(tokenizer, shown)
    return CandidatesView(
        index=index,
        stages=telling(record.stages),
        candidates=tuple(
            CandidateToken(
                token_id=each,
                label=label,
                rank=1 + sum(p > before for p, _ in top.values())
                if each in top
                else record.rank,
                before=before,
                after=after,
                is_chosen=each == token_id,
            )
            for (each, (before, after)), label in zip(shown.items(), named, strict=True)
        ),
        entropy=record.entropy,
    )


def telling(stages: tuple[StageCount, ...]) -> tuple[StageCount, ...]:
    """Without bias, penalties and DRY where they dropped nothing, as in most chains.

    They may still have changed the probabilities of what is left.
    """
    return stages[:1] + tuple(
        stage
        for before, stage in pairwise(stages)
        if stage.stage not in EDITS or stage.tokens != before.tokens
    )
