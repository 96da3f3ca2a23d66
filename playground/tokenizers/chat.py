"""Turns a conversation into a prompt with the model's own template.

The template comes with the model file, so it is somebody else's program. It runs in
Jinja's sandbox: no attribute that starts with an underscore, nothing changed outside,
`range` bounded, and here no large repetitions and a bounded result. What is not
bounded: time (loops in loops) and the size of values it builds without printing them.
"""

import json
from collections.abc import Mapping, Sequence, Sized
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import Template, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

_MAX_TEMPLATE_LENGTH = 1 << 18
_MAX_ADDED_LENGTH = 1 << 18


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
            in the message), or makes far more text than it was given.
    """
    given = sum(len(text) for message in messages for text in message.values())
    try:
        pieces = _compiled(template).generate(
            messages=[dict(message) for message in messages],
            bos_token=start_token,
            eos_token=end_token,
            add_generation_prompt=add_generation_prompt,
            tools=None,
            documents=None,
        )
        return _joined(pieces, most=2 * given + _MAX_ADDED_LENGTH)
    except Exception as error:  # a template can raise whatever Python can
        raise ValueError(f"The chat template failed: {error}") from error


def _joined(pieces: Any, most: int) -> str:
    text: list[str] = []
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise ValueError("it makes far more text than the conversation has")
        text.append(piece)
    return "".join(text)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, without `"x" * 10**12`."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        sizes = [len(s) if isinstance(s, Sized) else s for s in (left, right)]
        if operator == "**" or sizes[0] * sizes[1] > _MAX_ADDED_LENGTH:
            raise SecurityError(f"{operator} with such values is not allowed")
        return super().call_binop(context, operator, left, right)


@lru_cache(maxsize=8)
def _compiled(template: str) -> Template:
    if len(template) > _MAX_TEMPLATE_LENGTH:
        raise ValueError(f"it is longer than {_MAX_TEMPLATE_LENGTH} characters")
    environment = _Environment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    environment.filters["tojson"] = _tojson
    return environment.from_string(template)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(format_: str) -> str:
    return datetime.now().strftime(format_)


def _tojson(value: Any, indent: int | None = None) -> str:
    """Plain JSON: Jinja's own filter escapes HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)
