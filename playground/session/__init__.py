"""One user's runs, several at once, and the engine that serves them."""

from playground.session.serving import fastest_dtype, start_engine
from playground.session.session import (
    AGAIN,
    MAX_PROMPT_CHARACTERS,
    NO_ANSWER,
    Session,
)

__all__ = [
    "AGAIN",
    "MAX_PROMPT_CHARACTERS",
    "NO_ANSWER",
    "Session",
    "fastest_dtype",
    "start_engine",
]
