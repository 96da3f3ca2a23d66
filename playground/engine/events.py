"""What a run tells its listener, one frozen value at a time.

A run ends with exactly one `Finished`, whatever happens:

    Queued* Loading* (Compiling | PrefillProgress)* (Compiling | Step | Beams)* Finished
"""

from dataclasses import dataclass, field
from typing import Literal

from playground.engine.records import TokenRecord

FinishReason = Literal["stop", "length", "time", "cancelled", "error"]


@dataclass(frozen=True, kw_only=True)
class Queued:
    """The model is busy; `ahead` runs come first."""

    ahead: int


@dataclass(frozen=True, kw_only=True)
class Loading:
    """The model is not ready yet. `fraction` is in [0, 1], None where it is unknown."""

    message: str
    fraction: float | None = None


@dataclass(frozen=True, kw_only=True)
class Compiling:
    """A program of this shape runs for the first time; this takes a few seconds."""

    program: str


@dataclass(frozen=True, kw_only=True)
class PrefillProgress:
    """`done` of `total` prompt tokens are in the cache."""

    done: int
    total: int


@dataclass(frozen=True)
class Candidate:
    """A token that contrastive search looked at; `score` decides."""

    token_id: int
    probability: float
    similarity: float
    score: float


@dataclass(frozen=True, kw_only=True)
class Step:
    """One new token.

    `index` counts new tokens from 0. `text` is what became safe to print: it may be
    empty while a character is incomplete. `piece` is the token's own part of the text,
    some of it perhaps not yet safe to print. `tokens_per_second` is the mean since the
    first new token, 0.0 for that one. `candidates` are contrastive search's, likeliest
    first; other samplers have none. `record` is what was known when it was drawn, if
    the request wanted it and no person's own sampler chose.
    """

    token_id: int
    index: int
    tokens_per_second: float
    text: str = ""
    piece: str = ""
    candidates: tuple[Candidate, ...] = ()
    record: TokenRecord | None = None


@dataclass(frozen=True)
class Beam:
    """A text of a beam search: its new tokens, and the log-probability (nats) of all.

    `is_finished`: it ended with a stop.
    """

    token_ids: tuple[int, ...] = ()
    log_probability: float = 0.0
    is_finished: bool = False


@dataclass(frozen=True, kw_only=True)
class Beams:
    """One step of a beam search, which may change its mind about all it wrote.

    `beams` are the texts that are kept, `pruned` the best of those that are not, both
    best first. `text` is the whole new text of the best, instead of what came before,
    and `pieces` its tokens' parts of it.
    `index` and `tokens_per_second` as in `Step`, for the texts' length.
    """

    index: int
    beams: tuple[Beam, ...]
    pruned: tuple[Beam, ...]
    tokens_per_second: float
    text: str = ""
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Seconds that the parts of a run took.

    `compile` is spent inside XLA for this run, also when that happened during prefill
    or decode; those two do not include it, nor what was built for others meanwhile.
    """

    prefill: float = 0.0
    decode: float = 0.0
    compile: float = 0.0
    tokens_per_second: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The end of a run.

    `stopped_by` is the stop, one token or several, when `reason` is "stop"; if that is
    because of a text, `stop_string` is this text, which they contain. `message` tells
    more of "time" and "error" in words fit to show. `text` is the rest that was held
    back. `compilations` counts the XLA programs built for this run, `reused_tokens`
    the prompt's tokens that were read in an earlier run, and `left_out_tokens` those
    of a too long prompt that were not read at all.
    """

    reason: FinishReason
    stopped_by: tuple[int, ...] = ()
    stop_string: str = ""
    message: str = ""
    text: str = ""
    timings: Timings = field(default_factory=Timings)
    compilations: int = 0
    reused_tokens: int = 0
    left_out_tokens: int = 0


Event = Queued | Loading | Compiling | PrefillProgress | Step | Beams | Finished
