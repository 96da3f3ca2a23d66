"""What the status strip says, from the engine's state and a run's events."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from playground.controls import BY_NAME, escaped
from playground.engine.engine import Engine
from playground.engine.events import (
    Beams,
    Compiling,
    Event,
    Finished,
    Loading,
    PrefillProgress,
    Queued,
    Step,
)
from playground.models import MistralCausalLM
from playground.session import AGAIN
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.views.labels import labels

Phase = Literal["loading", "ready", "busy", "generating", "done", "stopped", "error"]


@dataclass(frozen=True, kw_only=True)
class Status:
    """One state of the strip.

    `words` are read out by a screen reader when they change, `numbers` are only shown.
    `fraction` in [0, 1] draws a bar; None draws none.
    """

    phase: Phase
    words: str
    numbers: str = ""
    fraction: float | None = None

    def value(self) -> dict[str, Any]:
        """What assets/status.js draws."""
        return asdict(self)


@dataclass(kw_only=True)
class RunFacts:
    """What the words about a run need besides the event."""

    settings: GenerationSettings
    token_name: Callable[[int], str]
    new_tokens: int = 0
    seed: int | None = None

    def note(self, event: Event) -> None:
        """Count what `event` brings."""
        if isinstance(event, Step | Beams):
            self.new_tokens = event.index + 1


def facts_of(run: Transcript, engine: Engine[MistralCausalLM]) -> RunFacts:
    """The facts of a run that has begun; its tokens are called as in the tabs."""

    def token_name(token_id: int) -> str:
        model = engine.model
        assert model is not None, "only a loaded model makes tokens"
        return labels(model.text_preprocessor.tokenizer, [token_id])[0]

    written = len(run.token_ids) - run.answered
    return RunFacts(
        settings=run.settings, token_name=token_name, new_tokens=written, seed=run.seed
    )


READY = Status(phase="ready", words="Ready")
STARTING = Status(phase="busy", words="Starting")


def engine_status(engine: Engine[MistralCausalLM]) -> Status:
    """The strip while no run is shown."""
    state = engine.status
    match state.phase:
        case "ready":
            return READY
        case "failed":
            return Status(phase="error", words=state.message, numbers=AGAIN)
        case "closed":
            return Status(phase="error", words=state.message)
        case _:
            return _loading(state.message, state.fraction)


def run_status(event: Event, facts: RunFacts) -> Status:
    """The strip after `event` of a run."""
    match event:
        case Queued(ahead=ahead):
            return Status(phase="busy", words=f"Queued ({ahead} ahead)")
        case Loading(message=message, fraction=fraction):
            return _loading(message, fraction)
        case Compiling():
            return _loading("Compiling, first time only", None)
        case PrefillProgress(done=done, total=total):
            return Status(
                phase="busy",
                words="Reading prompt",
                numbers=f"{done:,}/{total:,}",
                fraction=done / total if total else None,
            )
        case Step(tokens_per_second=speed) | Beams(tokens_per_second=speed):
            return Status(
                phase="generating", words="Generating", numbers=_join(_speed(speed))
            )
        case Finished():
            return _finished(event, facts)


def fault_status(fault: Exception) -> Status:
    """Why no run was started, in the words that stand on the page's controls."""
    text = str(fault)
    for name, control in BY_NAME.items():
        text = text.replace(f"`{name}`", control.label)
    return Status(phase="error", words=text)


def error_status(error: Exception) -> Status:
    """An error that no input explains, in its own words."""
    return Status(phase="error", words=f"{type(error).__name__}: {error}")


def _finished(event: Finished, facts: RunFacts) -> Status:
    count = _count(facts.new_tokens)
    seed = _seed(facts)
    speed = _join(
        _left_out(event.left_out_tokens),
        _speed(event.timings.tokens_per_second),
        _reused(event.reused_tokens),
    )
    match event.reason:
        case "error":
            return Status(phase="error", words=event.message)
        case "cancelled" if not facts.new_tokens:
            return Status(
                phase="stopped", words="Stopped by you before the first token"
            )
        case "cancelled":
            words = f"Stopped by you after {count}; the text is kept"
            return Status(phase="stopped", words=_join(words, speed, seed))
        case "stop":
            words = f"Stopped: {_stop(event, facts)}"
            return Status(phase="done", words=_join(words, count, speed, seed))
        case "time":
            words = f"Stopped after {count}: {event.message}; the text is kept"
            return Status(phase="stopped", words=_join(words, speed, seed))
        case "length":
            return Status(phase="done", words=_join(_length(facts), speed, seed))


def _left_out(tokens: int) -> str:
    return f"the first {tokens:,} prompt tokens were left out" if tokens else ""


def _reused(tokens: int) -> str:
    return f"{_count(tokens, 'prompt token')} reused" if tokens else ""


def _stop(event: Finished, facts: RunFacts) -> str:
    if event.stop_string:
        ids = " ".join(map(str, event.stopped_by))
        noun = "id" if len(event.stopped_by) == 1 else "ids"
        return f'text "{escaped(event.stop_string)}" ({noun} {ids})'
    kind = "end token" if facts.settings.stop_token_ids == "auto" else "stop token"
    named = (f"{facts.token_name(stop)} (id {stop})" for stop in event.stopped_by)
    return " ".join((kind, *named))


def _length(facts: RunFacts) -> str:
    if facts.new_tokens == facts.settings.max_new_tokens:
        return f"Reached {_count(facts.new_tokens, 'new token')}"
    return f"Reached the maximum length after {_count(facts.new_tokens, 'new token')}"


def _seed(facts: RunFacts) -> str:
    acts = BY_NAME["seed"].acts_on(facts.settings.sampler)
    return f"seed {facts.seed}" if acts and facts.seed is not None else ""


def _loading(message: str, fraction: float | None) -> Status:
    percent = "" if fraction is None else f"{fraction:.0%}"
    words = message or "Loading the model"
    return Status(phase="loading", words=words, numbers=percent, fraction=fraction)


def _speed(tokens_per_second: float) -> str:
    if not tokens_per_second:
        return ""
    digits = 0 if tokens_per_second >= 10 else 1
    return f"{tokens_per_second:.{digits}f} tok/s"


def _count(number: int, noun: str = "token") -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _join(*parts: str) -> str:
    return " · ".join(filter(None, parts))
