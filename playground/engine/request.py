"""What the engine is asked for."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from playground.samplers import (
    BeamValues,
    ContrastiveValues,
    Sampler,
    SamplerValues,
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One run, in the engine's terms.

    `token_ids` is the prompt, at least one token. `max_new_tokens` is from 0;
    `sliding_window` None means the model's own. `chooser` is a person's own sampler,
    asked instead of the compiled one. `stop_sequences` are tokens that end the run when
    they come in this order. `text_stop`, given the new tokens so far, gives those of
    them and of the answer before that complete a stop which is text, () if none do.
    `owner` says whose earlier text may be gone on from; None is nobody's. `caller` is
    who asks, and callers take turns in the line; None is one of its own. `max_seconds`
    is how long the run may take once it has begun; None is as long as it likes.
    `left_out_tokens` were taken out of the prompt before. Of the prompt the last
    `answered` tokens are an answer that goes on: draws are numbered and stops looked
    for from its beginning, so it becomes what one longer run would write. The first
    `answer_left_out` of them were taken out, and are not in `token_ids`. With
    `record` each token comes with what was known when it was drawn.
    """

    token_ids: tuple[int, ...]
    max_new_tokens: int
    sampler: SamplerValues | BeamValues | ContrastiveValues
    seed: int
    stop_token_ids: frozenset[int]
    sliding_window: int | None = None
    chooser: Sampler | None = None
    stop_sequences: tuple[tuple[int, ...], ...] = ()
    text_stop: Callable[[Sequence[int]], tuple[int, ...]] | None = None
    owner: Hashable = None
    caller: Hashable = None
    max_seconds: float | None = None
    left_out_tokens: int = 0
    answered: int = 0
    answer_left_out: int = 0
    record: bool = False

    def __post_init__(self) -> None:
        if not self.token_ids:
            raise ValueError("A request needs a prompt of at least one token.")

    def stop_at_end(self, made: Sequence[int]) -> tuple[int, ...]:
        """The stop that the answer ends with, () if with none.

        A text comes before tokens, and of those the longest wins.
        `made` are its new tokens, at least one unless it goes on from some. With the
        stops (7,) and (3, 7): 1 3 7 gives (3, 7), 3 1 7 gives (7,).
        """
        if self.text_stop is not None and (text := self.text_stop(made)):
            return text
        longest = max(map(len, self.stop_sequences), default=1)
        read = self.answered - self.answer_left_out
        before = self.token_ids[len(self.token_ids) - read :]
        token_ids = [*before[-longest:], *made[-longest:]]
        for stop in sorted(self.stop_sequences, key=len, reverse=True):
            if tuple(token_ids[-len(stop) :]) == stop:
                return stop
        last = token_ids[-1]
        return (last,) if last in self.stop_token_ids else ()
