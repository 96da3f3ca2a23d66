"""Renders a model's chat template in Jinja's sandbox; as a program, within limits.

The sandbox bounds what a template can reach, not what it can use up: loops in loops,
`"a".center(2 * 10**9)`, or a list of lists that doubles a few dozen times. So `chat`
runs this file as a process of its own for templates that are not known, with limits
from the system, and ends it when it takes too long. The file needs nothing else of this
project, so such a process begins quickly.
"""

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

MAX_TEMPLATE_LENGTH = 1 << 18
MAX_ADDED_LENGTH = 1 << 18
MAX_BYTES = 512 << 20
MAX_CPU_SECONDS = 3

Conversation = Sequence[Mapping[str, str]]


def render(
    template: str, conversations: Sequence[Conversation], values: Mapping[str, Any]
) -> list[str]:
    """Each conversation as the template has it.

    Raises ValueError in words: the template is broken, refuses a conversation, or makes
    far more text than it was given.
    """
    return [_rendered(template, messages, values) for messages in conversations]


def _rendered(template: str, messages: Conversation, values: Mapping[str, Any]) -> str:
    most = 2 * sum(len(text) for message in messages for text in message.values())
    try:
        pieces = _compiled(template).generate(
            messages=[dict(message) for message in messages],
            tools=None,
            documents=None,
            **values,
        )
        return _joined(pieces, most + MAX_ADDED_LENGTH)
    except MemoryError:
        raise ValueError(f"it needs more than {MAX_BYTES >> 20} MB of memory") from None
    except Exception as error:  # a template can raise whatever Python can
        raise ValueError(str(error) or type(error).__name__) from error


def _joined(pieces: Any, most: int) -> str:
    text: list[str] = []
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise ValueError("it makes far more text than the conversation has")
        text.append(piece)
    return "".join(text)


@lru_cache(maxsize=8)
def _compiled(template: str) -> Any:
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` says for training which text is the model's own."""

        tags = {"generation"}  # noqa: RUF012  as Jinja has it

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    if len(template) > MAX_TEMPLATE_LENGTH:
        raise ValueError(f"it is longer than {MAX_TEMPLATE_LENGTH} characters")
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    environment.filters["tojson"] = _tojson
    return environment.from_string(template)


def _raise_exception(message: str) -> NoReturn:
    from jinja2 import TemplateError

    raise TemplateError(message)


def _strftime_now(format_: str) -> str:
    return datetime.now().strftime(format_)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Plain JSON, with the arguments that transformers has; Jinja's escapes HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _set_limits() -> None:
    """Of memory and of time on the processor, where the system has such limits."""
    try:
        import resource
    except ImportError:  # Windows: whoever started this process watches it
        return
    for limit, value in (
        (resource.RLIMIT_AS, MAX_BYTES),
        (resource.RLIMIT_CPU, MAX_CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):  # a lower one is set already
            resource.setrlimit(limit, (value, value))


def main() -> None:
    """Answers one question on standard input: texts, or a fault, as JSON."""
    sys.path += sys.argv[1:]  # where the packages are
    question = json.load(sys.stdin)
    import jinja2.sandbox  # noqa: F401  not counted among what the template uses

    _set_limits()
    try:
        answer: dict[str, Any] = {"texts": render(**question)}
    except ValueError as fault:
        answer = {"fault": str(fault)[:1000]}
    except RecursionError:
        answer = {"fault": "it is nested too deeply"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
