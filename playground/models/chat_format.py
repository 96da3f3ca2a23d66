"""Whether a prompt is put into a model's chat format."""

from typing import Any

from playground.models.mistral_causal_lm_preprocessor import NO_CHAT_FORMAT


def has_chat_format(model: Any) -> bool:
    """Whether the model has a chat template; one that reads no text has none."""
    try:
        tokenizer = model.text_preprocessor.tokenizer
    except ValueError:
        return False
    return tokenizer.chat_template is not None


def uses_chat_format(model: Any, wanted: bool | None) -> bool:
    """What was wanted; None leaves it to the model, which uses what it has.

    Raises ValueError if it was wanted and is not there.
    """
    if wanted and not has_chat_format(model):
        raise ValueError(NO_CHAT_FORMAT)
    return has_chat_format(model) if wanted is None else wanted
