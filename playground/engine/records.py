"""What is recorded of a token that is drawn: how likely, how sure, what was left."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from playground.samplers import NO_STAGE, STAGES, Record


@dataclass(frozen=True, slots=True)
class StageCount:
    """How many tokens a stage of the chain left, and the model's probability of all."""

    stage: str
    tokens: int
    probability: float


@dataclass(frozen=True, slots=True)
class TopToken:
    """One of the model's likeliest, with its probability before and after the chain."""

    token_id: int
    probability: float
    chain_probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRecord:
    """What was known when a token was drawn.

    `logprob` is the token's natural logarithm of probability under the model,
    `chain_logprob` under the chain, from which it was drawn. `rank` is 1 for the
    model's likeliest. `entropy` is the model's, in nats; `choices` its exponential: as
    unsure as among so many equal ones.
    """

    logprob: float
    chain_logprob: float
    rank: int
    entropy: float
    choices: float
    stages: tuple[StageCount, ...]
    top: tuple[TopToken, ...]


def token_records(record: Record) -> list[TokenRecord]:
    """The records of all rows, on the host."""
    # A list in one call for each array: number by number takes as long as a step.
    columns = (np.asarray(each).tolist() for each in record)
    return [_token_record(Record(*row)) for row in zip(*columns, strict=True)]


def _token_record(one: Any) -> TokenRecord:
    """Of one row of a `Record`, as plain numbers and lists of them."""
    stages = zip(one.stage, one.tokens, one.kept, strict=True)
    top = zip(
        one.top_tokens, one.top_probabilities, one.top_chain_probabilities, strict=True
    )
    return TokenRecord(
        logprob=one.logprob,
        chain_logprob=one.chain_logprob,
        rank=one.rank,
        entropy=one.entropy,
        choices=one.choices,
        stages=tuple(
            StageCount(STAGES[stage], tokens, kept)
            for stage, tokens, kept in stages
            if stage != NO_STAGE
        ),
        top=tuple(TopToken(*each) for each in top),
    )
