"""What is recorded of a token that is drawn: how likely, how sure, what was left."""

from dataclasses import dataclass


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

    @property
    def num_kept(self) -> int | None:
        """How many tokens the chain left to draw from, None without one."""
        return self.stages[-1].tokens if self.stages else None
