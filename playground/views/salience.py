"""Input salience: which tokens of the text a token's probability depends on.

Unlike attention it goes through the whole model. It is the first-order change only:
where the probability is near 1 everything is flat, and salience small.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playground.models import Explained, salience
from playground.models.places import place
from playground.tokenizers import Tokenizer
from playground.views.amounts import bits, percent
from playground.views.explained_text import NOBODY, Waiting
from playground.views.labels import labels
from playground.views.view import Table
from playground.views.window import counted

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class SalienceView:
    """What ln of the probability of `token_label` right after `position` depends on.

    `labels` of the N = position + 1 tokens that it can depend on.
    `gradient_times_input` f32 [N], nats: above 0 speaks for the token, below against.
    `gradient_norm` f32 [N]: how much any change there could do, in nats for each unit.
    `logprob` is ln of the token's probability. `sliding_window` as in the run.
    """

    position: int
    token_id: int
    token_label: str
    labels: tuple[str, ...]
    sliding_window: int
    logprob: float
    gradient_times_input: Floats
    gradient_norm: Floats

    @property
    def shares(self) -> Floats:
        """The part of each token in the sum of |gradient x input|, [N]; or all 0."""
        size = np.abs(self.gradient_times_input)
        shares: Floats = size / np.maximum(size.sum(), np.finfo(np.float32).tiny)
        return shares

    @property
    def title(self) -> str:
        return f"What “{self.token_label}” after token {self.position} depends on"

    def words(self) -> str:
        chance = percent(float(np.exp(self.logprob)))
        told = (
            f"“{self.token_label}” had {chance} after token {self.position} "
            f"“{self.labels[self.position]}”, of {counted(len(self.labels), 'token')}."
        )
        most = int(self.shares.argmax())
        if self.shares[most] == 0:
            return f"{told} To first order no token changes that."
        sign = "for" if self.gradient_times_input[most] > 0 else "against"
        told = (
            f"{told} It depends most on token {most} “{self.labels[most]}”, which "
            f"speaks {sign} it, with {percent(float(self.shares[most]))} of all "
            "salience."
        )
        first_seen = max(0, self.position - self.sliding_window + 1)
        if first_seen == 0:
            return told
        beyond = percent(float(self.shares[:first_seen].sum()))
        return f"{told} {beyond} lies before token {first_seen}, outside of the window."

    def table(self) -> Table:
        """A row for each token."""
        return Table.of(
            {
                "position": range(len(self.labels)),
                "token": self.labels,
                "gradient x input (bits)": bits(self.gradient_times_input),
                "share": self.shares,
                "gradient norm (bits)": bits(self.gradient_norm),
            }
        )


def salience_view(
    explained: Explained,
    tokenizer: Tokenizer,
    position: int,
    token_id: int | None = None,
    waiting: Waiting = NOBODY,
) -> SalienceView:
    """What a token right after `position` depends on; None for the one that follows.

    Raises ValueError where there is no such token, ExplainStopped.
    """
    position = place("position", position, len(explained))
    if token_id is None:
        token_id = _following(explained, position)
    found = salience(explained, position, token_id, *waiting)
    seen: Sequence[int] = explained.token_ids[: position + 1]
    (token_label,) = labels(tokenizer, [token_id])
    return SalienceView(
        position=position,
        token_id=token_id,
        token_label=token_label,
        labels=labels(tokenizer, seen),
        sliding_window=explained.sliding_window,
        logprob=found.logprob,
        gradient_times_input=found.gradient_times_input[: position + 1],
        gradient_norm=found.gradient_norm[: position + 1],
    )


def _following(explained: Explained, position: int) -> int:
    if position == len(explained) - 1:
        raise ValueError(
            f"After position {position} no token follows in a text of "
            f"{len(explained):,}. Give a `token_id`, or a position before the last."
        )
    return explained.token_ids[position + 1]
