"""What every contender is asked to write, in words that all of them understand."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """How tokens are chosen.

    `top_k` 0 and `top_p` 1.0 cut nothing; temperature 0 is greedy. `num_beams` makes it
    a beam search, `candidates` a contrastive one with that many.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    num_beams: int = 0
    candidates: int = 0


@dataclass(frozen=True, kw_only=True)
class Task:
    """A prompt of random tokens, and how it is to be gone on with.

    `prompt` and `max_length` count tokens, `max_length` both prompt and answer.
    `window` is the sliding window, None for none. `text` picks the random tokens.
    `may_reuse`: what an earlier task read of the same prompt may be used again.
    """

    prompt: int
    max_length: int
    window: int | None = None
    sampler: Sampler = Sampler()
    stop_token_ids: tuple[int, ...] = ()
    text: int = 0
    may_reuse: bool = False

    @property
    def new_tokens(self) -> int:
        return self.max_length - self.prompt

    @property
    def token_ids(self) -> list[int]:
        numbers = np.random.default_rng(self.text)
        return [int(token) for token in numbers.integers(100, 40_000, self.prompt)]

    def one_token(self) -> "Task":
        """The same prompt, and one new token."""
        return replace(self, max_length=self.prompt + 1)

    def nearly_done(self) -> "Task":
        """The same length, of which all but the last token is prompt."""
        return replace(self, prompt=self.max_length - 1)


def read_task(values: dict[str, Any]) -> Task:
    """A task from what `dataclasses.asdict` and JSON made of it."""
    sampler = Sampler(**values.get("sampler", {}))
    stops = tuple(values.get("stop_token_ids", ()))
    return Task(**{**values, "sampler": sampler, "stop_token_ids": stops})
