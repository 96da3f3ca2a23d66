"""What programs may call; everything else on the page is private."""

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import gradio as gr

from playground.controls import BY_NAME, SEARCHES, Control
from playground.engine import MAX_ACTIVE, Engine, Finished
from playground.hosts import questions
from playground.hosts.form import SHOWN
from playground.hosts.pace import paced
from playground.models import MistralCausalLM
from playground.session import Session
from playground.settings import GenerationSettings
from playground.web.places import Places

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

TEXTS_OF_ONE, QUESTIONS_OF_ONE = MAX_ACTIVE, 4
"""What one address may have in work or in line, by calls of these endpoints."""
QUESTIONS_AT_ONCE = 2
"""Of all callers: each reads a whole text beside those that are written."""


def generate_endpoint(
    engine: Engine[MistralCausalLM],
    settings_of: SettingsOf,
    controls: tuple[Control, ...],
) -> Callable[..., Iterator[str]]:
    """`/generate`: a function of a prompt and one argument for each of `controls`."""
    names = [control.name for control in controls]
    places = Places(TEXTS_OF_ONE, "texts")

    def generate(prompt: str, *values: Any) -> Iterator[str]:
        session = Session(engine)
        try:
            with _faults_in_words(), places.taken():
                settings = settings_of(dict(zip(names, values, strict=True)))
                for event in paced(session.generate(prompt, settings)):
                    if isinstance(event, Finished) and event.reason == "error":
                        raise ValueError(event.message)
                    yield session.whole_text
        finally:
            session.stop()

    prompt = inspect.Parameter(
        "prompt", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str
    )
    words = (
        "Stream the text that the model writes after a prompt, each time all of it. "
        "null is empty, or off."
    )
    return _described(generate, words, [prompt], controls, Iterator[str])


def question_endpoints(
    engine: Engine[MistralCausalLM], settings_of: SettingsOf
) -> dict[str, Callable[..., questions.Answer]]:
    """The endpoints of QUESTIONS by their names."""
    places = Places(QUESTIONS_OF_ONE, "questions")
    turns = threading.Semaphore(QUESTIONS_AT_ONCE)

    @contextmanager
    def turn() -> Iterator[None]:
        with _faults_in_words(), places.taken(), turns:
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
    names = [control.name for control in controls]

    def ask(*values: Any) -> questions.Answer:
        with turn():
            if (model := engine.model) is None:
                raise ValueError(f"The model is not there yet: {engine.status.message}")
            chosen = zip(names, values[len(own) :], strict=True)
            # Nothing is written, so the length that every run must have is one token.
            settings = settings_of({"max_new_tokens": 1, **dict(chosen)})
            return question(model, settings, *values[: len(own)])

    ask.__name__ = question.__name__  # what MCP calls the tool
    words = " ".join((question.__doc__ or "").split())
    return _described(ask, words, own, controls, dict[str, Any])


@contextmanager
def _faults_in_words() -> Iterator[None]:
    """What a person can mend reaches them as it is."""
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
        *own,
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
    wanted = _TYPES[control.kind]
    return wanted | None if control.optional else wanted
