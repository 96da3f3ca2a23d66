"""What the model in use lets a host show: its card, its examples, a chat format."""

from dataclasses import dataclass
from pathlib import Path

from playground.engine import Engine
from playground.interface.form import Example, examples_for
from playground.interface.model_card import model_card
from playground.interface.status import Status, engine_status
from playground.models import MistralCausalLM
from playground.models.chat_format import has_chat_format


@dataclass(frozen=True, kw_only=True)
class ModelFit:
    """What fits one model; while it loads, what most models of its name have."""

    card: str
    status: Status
    examples: tuple[Example, ...]
    has_chat_format: bool
    is_there: bool
    is_loading: bool
    """Loaded, its programs compiled: more is to come."""


def model_fit(name: str, engine: Engine[MistralCausalLM]) -> ModelFit:
    """For the model of `engine`, which is called `name` and may not be there yet."""
    model, name = engine.model, Path(name).name
    has_chat = model is None or has_chat_format(model)
    return ModelFit(
        card=model_card(name, model),
        status=engine_status(engine),
        examples=examples_for(name, has_chat),
        has_chat_format=has_chat,
        is_there=model is not None,
        is_loading=engine.status.phase in ("loading", "compiling"),
    )
