"""What the engine is asked for."""

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
    asked instead of the compiled one.
    """

    token_ids: tuple[int, ...]
    max_new_tokens: int
    sampler: SamplerValues | BeamValues | ContrastiveValues
    seed: int
    stop_token_ids: frozenset[int]
    sliding_window: int | None = None
    chooser: Sampler | None = None
