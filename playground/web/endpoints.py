"""What programs may call; everything else on the page is private."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import gradio as gr

from playground.controls import BY_NAME, SEARCHES, Control
from playground.engine import MAX_ACTIVE, Engine, Finished
from playground.interface import questions
from playground.interface.form import SHOWN
from playground.interface.throttle import throttled
from playground.models import MistralCausalLM
from playground.session import Session
from playground.settings import GenerationSettings
from playground.web.quota import Quota, while_held
from playground.web.waiting_line import WaitingLine

SECONDS_BETWEEN_LOOKS = 0.25
"""While a call waits in line: between two looks for its caller."""

SettingsOf = Callable[[dict[str, Any]], GenerationSettings]

_TYPES: dict[str, Any] = {
    "choice": str,
    "number": float,
    "integer": int,
    "toggle": bool,
    "stop_ids": str,
    "token_ids": list[int],
    "biases": list[list[float]],
    "texts": list[str],
}
_WINDOW, _CHAT, _SEED = (BY_NAME[n] for n in ("sliding_window", "chat", "seed"))
_DRAWING = tuple(
    control
    for control in SHOWN
    if control.group in ("Sampler", "Penalties")
    and not (control.samplers and set(control.samplers) <= set(SEARCHES))
)
QUESTIONS: dict[Callable[..., questions.Answer], tuple[Control, ...]] = {
    questions.candidates: (*_DRAWING, _SEED, _WINDOW, _CHAT),
    questions.tokenize: (),
    questions.window: (_WINDOW,),
    questions.score: (_WINDOW, _CHAT),
}
"""What may be asked about a text, and the settings that change the answer."""

NULL = "null switches off what can be off, and is the default elsewhere."

TEXTS_OF_ONE, QUESTIONS_OF_ONE = MAX_ACTIVE, 4
"""What one address may have in work or in line, by calls of these endpoints."""
QUESTIONS_AT_ONCE = 2
"""Of all callers: each reads a whole text beside those that are written."""


def generate_endpoint(
    engine: Engine[MistralCausalLM],
    settings_of: SettingsOf,
    controls: tuple[Control, ...],
    quota: Quota,
) -> Callable[..., Iterator[str]]:
    """`/generate`: a function of a prompt and one argument for each of `controls`."""

    def generate(prompt: str, *values: Any) -> Iterator[str]:
        with _faults_in_words(), quota.taken() as reservation:
            settings = settings_of(_chosen(controls, values))
            session = Session(engine, keeps_text=False)
            session.caller = reservation.address
            yield from while_held(reservation, _texts(session, prompt, settings))

    prompt = inspect.Parameter(
        "prompt", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str
    )
    words = (
        f"Stream the text that the model writes after a prompt; each update has all of "
        f"it so far. "
        f"{NULL}"
    )
    return _described(generate, words, [prompt], controls, Iterator[str])


def _texts(
    session: Session, prompt: str, settings: GenerationSettings
) -> Iterator[str]:
    """All of the text, each time that there is more."""
    try:
        for event in throttled(session.generate(prompt, settings)):
            if isinstance(event, Finished) and event.reason == "error":
                raise ValueError(event.message)
            yield session.whole_text
    finally:
        session.stop()


def question_endpoints(
    engine: Engine[MistralCausalLM],
    settings_of: SettingsOf,
    quota: Quota,
    turns: WaitingLine,
) -> dict[str, Callable[..., questions.Answer]]:
    """The endpoints of QUESTIONS by their names."""

    @contextmanager
    def turn() -> Iterator[None]:
        with (
            _faults_in_words(),
            quota.taken() as reservation,
            turns.joined(reservation.address) as turn,
        ):
            while turns.ahead_of(turn, SECONDS_BETWEEN_LOOKS):
                if reservation.is_over:
                    raise ValueError("The caller has left.")
            yield

    return {
        question.__name__: _question_endpoint(
            engine, settings_of, question, controls, turn
        )
        for question, controls in QUESTIONS.items()
    }


def _question_endpoint(
    engine: Engine[MistralCausalLM],
    settings_of: SettingsOf,
    question: Callable[..., questions.Answer],
    controls: tuple[Control, ...],
    turn: Callable[[], AbstractContextManager[None]],
) -> Callable[..., questions.Answer]:
    own = list(inspect.signature(question).parameters.values())[2:]

    def ask(*values: Any) -> questions.Answer:
        with turn():
            if engine.status.phase == "failed":
                engine.try_again()
            if (model := engine.model) is None:
                raise ValueError(f"The model is not there yet: {engine.status.message}")
            chosen = _chosen(controls, values[len(own) :])
            # Nothing is written, so the length that every run must have is one token.
            settings = settings_of({"max_new_tokens": 1, **chosen})
            return question(model, settings, *map(_sent, own, values))

    ask.__name__ = question.__name__  # what MCP calls the tool
    words = " ".join([*(question.__doc__ or "").split(), NULL])
    return _described(ask, words, own, controls, dict[str, Any])


def _chosen(controls: tuple[Control, ...], values: Sequence[Any]) -> dict[str, Any]:
    """The settings by their names; null where that is none of its values is default."""
    return {
        control.name: control.default
        if value is None and not control.optional
        else value
        for control, value in zip(controls, values, strict=True)
    }


def _sent(parameter: inspect.Parameter, value: Any) -> Any:
    """What was sent for a parameter of a question's own."""
    has_default = parameter.default is not inspect.Parameter.empty
    return parameter.default if value is None and has_default else value


@contextmanager
def _faults_in_words() -> Iterator[None]:
    """What the caller can correct is sent to them as it is."""
    try:
        yield
    except ValueError as fault:
        raise gr.Error(str(fault), print_exception=False) from fault


def _described(
    function: Callable[..., Any],
    words: str,
    own: Sequence[inspect.Parameter],
    controls: tuple[Control, ...],
    returns: Any,
) -> Callable[..., Any]:
    """The same function with a signature and words, from which Gradio makes its own."""
    parameters = [
        *map(_or_null, own),
        *(
            inspect.Parameter(
                control.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=list(control.default)
                if control.default == ()
                else control.default,
                annotation=_type(control),
            )
            for control in controls
        ),
    ]
    signature = inspect.Signature(parameters, return_annotation=returns)
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__annotations__ = {
        **{p.name: p.annotation for p in parameters},
        "return": returns,
    }
    helps = (f"{control.name}: {control.help}" for control in controls)
    function.__doc__ = " ".join([words, *helps])
    return function


def _type(control: Control) -> Any:
    return _TYPES[control.kind] | None


def _or_null(parameter: inspect.Parameter) -> inspect.Parameter:
    """The same, with null allowed if it may be left out."""
    if parameter.default is inspect.Parameter.empty:
        return parameter
    return parameter.replace(annotation=parameter.annotation | None)
