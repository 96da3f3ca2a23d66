"""A run in a few numbers: how expected its text was, and how much it repeats."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from playground.engine import TokenRecord
from playground.views.amounts import bits, percent, tokens
from playground.views.view import Table


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """About the new tokens of one run, a stop token included.

    `mean_logprob` is the mean of their log-probabilities under the model (nats), over
    the `num_recorded` tokens that have one. `distinct_1` and `distinct_2` are the
    shares of different tokens and of different pairs of neighbours
    (https://arxiv.org/abs/1510.03055). None: there is nothing to count.
    """

    num_tokens: int
    num_recorded: int
    mean_logprob: float | None
    distinct_1: float | None
    distinct_2: float | None

    @property
    def perplexity(self) -> float | None:
        """exp(-mean_logprob): as unsure as among so many equal tokens, from 1."""
        return None if self.mean_logprob is None else math.exp(-self.mean_logprob)

    @property
    def surprisal(self) -> float | None:
        """The mean surprisal of a token in bits."""
        return None if self.mean_logprob is None else bits(-self.mean_logprob)

    @property
    def _fewer(self) -> int | None:
        """How many tokens the mean is over, if not over all."""
        known = self.num_recorded
        return known if 0 < known < self.num_tokens else None

    title = "The run in numbers"

    def words(self) -> str:
        told = [tokens(self.num_tokens)]
        if self.mean_logprob is not None:
            over = f" over the {self._fewer:,} recorded" if self._fewer else ""
            told.append(
                f"perplexity {self.perplexity:,.2f}{over} "
                f"({self.surprisal:.2f} bits a token)"
            )
        for share, noun in (
            (self.distinct_1, "of the tokens"),
            (self.distinct_2, "of the pairs"),
        ):
            if share is not None:
                told.append(f"{percent(share)} {noun} different")
        return " · ".join(told)

    def table(self) -> Table:
        numbers = {
            "new tokens": self.num_tokens,
            "recorded tokens": self._fewer,
            "perplexity": self.perplexity,
            "mean surprisal (bits)": self.surprisal,
            "distinct-1": self.distinct_1,
            "distinct-2": self.distinct_2,
        }
        known = ((name, n) for name, n in numbers.items() if n is not None)
        return Table(columns=("measure", "value"), rows=tuple(known))


def run_summary(
    token_ids: Sequence[int], records: Sequence[TokenRecord | None] = ()
) -> RunSummary:
    """The summary of a run's new tokens and what was recorded of them."""
    logprobs = [record.logprob for record in records if record is not None]
    return RunSummary(
        num_tokens=len(token_ids),
        num_recorded=len(logprobs),
        mean_logprob=sum(logprobs) / len(logprobs) if logprobs else None,
        distinct_1=_distinct(token_ids),
        distinct_2=_distinct(list(pairwise(token_ids))),
    )


def _distinct(parts: Sequence[object]) -> float | None:
    return len(set(parts)) / len(parts) if parts else None
