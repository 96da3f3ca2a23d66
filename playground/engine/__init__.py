"""The engine: a cache, two programs, one loop, one thread."""

from playground.engine.compilation import Compilations, compilations, keep_programs
from playground.engine.decoding import decode
from playground.engine.engine import (
    MAX_ACTIVE,
    MAX_NEWCOMERS,
    MAX_WAITING,
    WAITING_SECONDS,
    WARM_LENGTH,
    BusyError,
    Engine,
    Meanwhile,
    ModelUnavailable,
    Run,
)
from playground.engine.events import (
    Beam,
    Beams,
    Candidate,
    Compiling,
    Event,
    Finished,
    Loading,
    PrefillProgress,
    Queued,
    Step,
    Timings,
)
from playground.engine.kv_cache import KVCache
from playground.engine.programs import Programs
from playground.engine.records import StageCount, TokenRecord, TopToken
from playground.engine.request import Request
from playground.engine.status import Status

__all__ = [
    "MAX_ACTIVE",
    "MAX_NEWCOMERS",
    "MAX_WAITING",
    "WAITING_SECONDS",
    "WARM_LENGTH",
    "Beam",
    "Beams",
    "BusyError",
    "Candidate",
    "Compilations",
    "Compiling",
    "Engine",
    "Event",
    "Finished",
    "KVCache",
    "Loading",
    "Meanwhile",
    "ModelUnavailable",
    "PrefillProgress",
    "Programs",
    "Queued",
    "Request",
    "Run",
    "StageCount",
    "Status",
    "Step",
    "Timings",
    "TokenRecord",
    "TopToken",
    "compilations",
    "decode",
    "keep_programs",
]
