"""Turns a conversation into a prompt with the model's own template.

The template comes with the model file, so it is somebody else's program. It runs in
Jinja's sandbox (`chat_template`): no attribute that starts with an underscore, nothing
changed outside. Templates that are known, by checksum, run right here; any other in a
process with limits of time and memory (`template_process`).

What people typed stays text, whatever the template does with it: "</s>" in a question
is four letters, and only the template's own "</s>" is the token.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import lru_cache
from typing import Any

from playground.tokenizers import chat_template
from playground.tokenizers.builtin_templates import BUILT_IN
from playground.tokenizers.template_process import render_apart
from playground.tokenizers.tokenizer import Tokenizer

# SHA-256, without spaces around, of templates that were read and end soon.
_KNOWN = frozenset([
    "872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788",  # SmolLM2
    "93c0e9aa3629bbd77e68dbc0f5621f6e6b23aa8d74b932595cdb8d64684526d7",  # Llama 3.1
    "d82792f95932f1c9cef5c4bd992f171225e3bf8c7b609b4557c9e1ec96be819f",  # Llama 3.2
    "dd2675619a64a449cdcdd2b93e605a0a50764cee41e344f244752bc93643936c",  # R1 Distill
    "e7deee034838db2bfc7487788a3013d8a307ab69f72f3c54a85f06fd76007d4e",  # Nemo
    "d990bccdaaa20611e261434bf60bce767b03d8ee1f1d9b5cd0742b1cc96066b9",  # Small 3.2
    "31b50c917746ef1c2611c2fef122d3ebee690aca5748ab37832734f9ad375da1",  # Ministral 3
    "039a4710e2aabaa79e85a233fa3daa4fbc030a4a8dc218cb7f34fb0c4b8c13b1",  # Devstral
])  # fmt: skip
_SHADOWS = range(0xF0000, 0xFFFFE)  # private: no text means anything by them

Messages = tuple[tuple[tuple[str, str], ...], ...]


class ChatPrompt(str):
    """A rendered conversation.

    Attributes:
        pieces: The text in pieces, and ids for the tokens that the template wrote. Text
            that is added behind it is typed text.
    """

    pieces: tuple[str | int, ...]

    def __new__(cls, text: str, pieces: Sequence[str | int]) -> "ChatPrompt":
        prompt = super().__new__(cls, text)
        prompt.pieces = tuple(pieces)
        return prompt

    def __add__(self, text: str) -> "ChatPrompt":
        return ChatPrompt(super().__add__(text), [*self.pieces, text])


def render_chat(
    template: str,
    messages: Sequence[Mapping[str, str]],
    *,
    start_token: str = "",
    end_token: str = "",
    add_generation_prompt: bool = True,
) -> str:
    """The prompt for a conversation, as transformers' `apply_chat_template` makes it.

    Args:
        template: Jinja source.
        messages: Each with a "role" ("system", "user", "assistant") and "content".
        start_token, end_token: As the vocabulary spells them.
        add_generation_prompt: Whether to end where the assistant's answer begins.

    Raises:
        ValueError: The template is broken, refuses the conversation (its own words are
            in the message), makes far more text than it was given, or takes too long or
            too much memory.
    """
    values = {
        "bos_token": start_token,
        "eos_token": end_token,
        "add_generation_prompt": add_generation_prompt,
    }
    (text,) = _texts(template, [messages], values)
    return text


def chat_prompt(
    tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]]
) -> ChatPrompt:
    """The prompt for a conversation in the tokenizer's own template.

    Of each message's content, letters with which a token's name begins, and its ends,
    are replaced by others for a second rendering; so that shows which names are the
    template's own.

    Raises:
        ValueError: As in `render_chat`; or the template changes what was typed, so that
            a name in it cannot be told from the template's.
    """
    template = tokenizer.chat_template
    assert template is not None, "only asked where there is one"
    start, end = tokenizer.start_token_id, tokenizer.end_token_id
    values: dict[str, Any] = {
        "bos_token": "" if start is None else tokenizer.id_to_token(start),
        "eos_token": "" if end is None else tokenizer.id_to_token(end),
        "add_generation_prompt": True,
    }
    if (pad := tokenizer.pad_token_id) is not None:
        values["pad_token"] = tokenizer.id_to_token(pad)
    with suppress(ValueError):
        unknown = tokenizer.token_to_id("<unk>")
        values["unk_token"] = tokenizer.id_to_token(unknown)
    contents = [message.get("content", "") for message in messages]
    names = [set(tokenizer.mark_places(content)) for content in contents]
    # The ends too, so that no name is made of typed and template's text; unless the
    # template looks at them.
    ends = [own | _ends(text) for own, text in zip(names, contents, strict=True)]
    shadows = _shadows(template, contents, ends)
    conversations: list[Sequence[Mapping[str, str]]] = [
        messages,
        _shadowed(messages, ends, shadows),
        _shadowed(messages, names, shadows),
    ]
    text, *shadowed = _texts(template, conversations, values)
    back = str.maketrans({shadow: letter for letter, shadow in shadows.items()})
    for attempt in shadowed:
        if attempt.translate(back) == text:
            pieces = tokenizer.split_marks(attempt)
            return ChatPrompt(
                text,
                [p if isinstance(p, int) else p.translate(back) for p in pieces],
            )
    if not any(names):
        return ChatPrompt(text, tokenizer.split_marks(text))
    raise ValueError(
        "The chat template of this model changes what is typed, so a special token "
        "that is spelt out in it cannot be told from the template's own. Take it out "
        "of the text, or switch the chat format off."
    )


def _ends(text: str) -> set[int]:
    """Where its first and its last letter is that is no space."""
    inside = text.strip()
    first = len(text) - len(text.lstrip())
    return {first, first + len(inside) - 1} if inside else set()


def _shadows(
    template: str, contents: Sequence[str], places: Sequence[set[int]]
) -> dict[str, str]:
    """A letter of its own for each letter at these places."""
    letters = {
        text[at] for text, ats in zip(contents, places, strict=True) for at in ats
    }
    used = set(template).union(*contents)
    free = (chr(code) for code in _SHADOWS if chr(code) not in used)
    return dict(zip(sorted(letters), free, strict=False))


def _shadowed(
    messages: Sequence[Mapping[str, str]],
    places: Sequence[set[int]],
    shadows: Mapping[str, str],
) -> list[dict[str, str]]:
    shadowed = []
    for message, ats in zip(messages, places, strict=True):
        letters = list(message.get("content", ""))
        for at in ats:
            letters[at] = shadows.get(letters[at], letters[at])
        shadowed.append({**message, "content": "".join(letters)})
    return shadowed


def _texts(
    template: str,
    conversations: Sequence[Sequence[Mapping[str, str]]],
    values: Mapping[str, Any],
) -> list[str]:
    try:
        if _is_known(template):
            return chat_template.render(template, conversations, values)
        frozen = tuple(
            tuple(tuple(message.items()) for message in messages)
            for messages in conversations
        )
        return list(_texts_apart(template, frozen, tuple(values.items()), date.today()))
    except ValueError as error:
        raise ValueError(f"The chat template failed: {error}") from error


@lru_cache(maxsize=32)
def _texts_apart(
    template: str,
    conversations: tuple[Messages, ...],
    values: tuple[tuple[str, Any], ...],
    today: date,  # noqa: ARG001  a template may write it
) -> tuple[str, ...]:
    unfrozen = [[dict(message) for message in messages] for messages in conversations]
    return tuple(render_apart(template, unfrozen, dict(values)))


@lru_cache(maxsize=8)
def _is_known(template: str) -> bool:
    digest = hashlib.sha256(template.strip().encode(errors="replace")).hexdigest()
    return template in BUILT_IN.values() or digest in _KNOWN
