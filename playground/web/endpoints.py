"""What programs may call; everything else on the page is private."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from playground.controls import Control
from playground.engine import Engine, Finished
from playground.hosts.pace import Pace
from playground.models import MistralCausalLM
from playground.session import Session
from playground.settings import GenerationSettings

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


def generate_endpoint(
    engine: Engine[MistralCausalLM],
    settings_of: Callable[[dict[str, Any]], GenerationSettings],
    controls: tuple[Control, ...],
) -> Callable[..., Iterator[str]]:
    """`/generate`: a function of a prompt and one argument for each of `controls`."""
    names = [control.name for control in controls]

    def generate(prompt: str, *values: Any) -> Iterator[str]:
        session = Session(engine)
        try:
            settings = settings_of(dict(zip(names, values, strict=True)))
            pace = Pace()
            for event in session.generate(prompt, settings):
                if isinstance(event, Finished) and event.reason == "error":
                    raise ValueError(event.message)
                if pace.is_due(event):
                    yield session.whole_text
        except ValueError as fault:
            raise gr.Error(str(fault), print_exception=False) from fault
        finally:
            session.stop()

    return _described(generate, controls)


def _described(
    generate: Callable[..., Iterator[str]], controls: tuple[Control, ...]
) -> Callable[..., Iterator[str]]:
    """The same function with a signature and words, from which Gradio makes its own."""
    parameters = [
        inspect.Parameter(
            control.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=list(control.default) if control.default == () else control.default,
            annotation=_type(control),
        )
        for control in controls
    ]
    prompt = inspect.Parameter(
        "prompt", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str
    )
    signature = inspect.Signature(
        [prompt, *parameters], return_annotation=Iterator[str]
    )
    generate.__signature__ = signature  # type: ignore[attr-defined]
    generate.__annotations__ = {
        **{p.name: p.annotation for p in (prompt, *parameters)},
        "return": Iterator[str],
    }
    words = " ".join(f"{control.name}: {control.help}" for control in controls)
    generate.__doc__ = (
        "Stream the text that the model writes after a prompt, each time all of it. "
        f"null is empty, or off. {words}"
    )
    return generate


def _type(control: Control) -> Any:
    wanted = _TYPES[control.kind]
    return wanted | None if control.optional else wanted
