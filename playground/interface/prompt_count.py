"""How many tokens a prompt has while it is written, and which are special ones."""

from typing import Any

from playground.models.chat_format import uses_chat_format
from playground.tokenizers import ChatPrompt
from playground.views.amounts import tokens
from playground.views.labels import labels
from playground.views.window import window_of

_MOST_NAMES = 5


def prompt_count(model: Any, prompt: str, chat: bool | None = None) -> str:
    """In words: "5 tokens, among them the special </s>. There is no window: ...".

    In the chat format what is typed has no special tokens, and the template's own are
    not counted. `chat` is as in `GenerationSettings`. Raises ValueError for a prompt
    that cannot be encoded.
    """
    preprocessor = model.text_preprocessor
    if uses_chat_format(model, chat):
        prompt = ChatPrompt(prompt, [prompt])
    ids = preprocessor.prompt_ids(prompt)
    state = window_of(model.backbone).state(len(ids))
    return f"{tokens(len(ids))}{_named(preprocessor.tokenizer, prompt, ids)}. {state}"


def _named(tokenizer: Any, prompt: str, ids: list[int]) -> str:
    """The special tokens among them that are spelt in the prompt."""
    special = dict.fromkeys(id_ for id_ in ids if id_ in tokenizer.special_token_ids)
    spelt = [id_ for id_ in special if tokenizer.id_to_token(id_) in prompt]
    if not spelt or isinstance(prompt, ChatPrompt):
        return ""
    names = labels(tokenizer, spelt[:_MOST_NAMES])
    more = f" and {len(spelt) - _MOST_NAMES} more" if len(spelt) > _MOST_NAMES else ""
    return f", among them the special {', '.join(names)}{more}"
