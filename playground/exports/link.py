"""Prompt and settings as the query of a link: `?temperature=0.5&prompt=The+sea+is`.

The query is the state: nothing is stored anywhere, so a link outlives every restart. It
is readable, not packed: users see what a link will do before they follow it, can
write one by hand, and no packed bomb can be sent. Text costs up to nine characters a
character for it, so a very long prompt does not fit; a run's file holds any.

Only what differs from the defaults is there. `v` counts the defaults: who changes
one raises it, and reads older links by the older defaults.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from playground.controls import (
    BY_NAME,
    CONTROLS,
    Control,
    as_typed,
    clipped,
    read_value,
)
from playground.settings import GenerationSettings

MAX_QUERY = 7_500
"""Characters. Servers on the way take about 8,000 for a whole address."""

VERSION = "1"
_MAX_PARTS = 100
_OTHERS = ("v", "preset", "prompt")
_NUMBER = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,24})?(e[+-]?[0-9]{1,3})?")


@dataclass(frozen=True, kw_only=True)
class Link:
    """What a link asks for.

    `preset` "" leaves the model open. `unknown` are parts that this version does not
    know, as written: a newer one may have made the link.
    """

    prompt: str = ""
    settings: GenerationSettings = field(default_factory=GenerationSettings)
    preset: str = ""
    unknown: tuple[str, ...] = ()


def to_query(link: Link) -> str:
    """The query, without the question mark, prompt last.

    Raises ValueError for more than MAX_QUERY characters, or half a character.
    """
    parts = [("v", VERSION), ("preset", link.preset), *_changes(link.settings)]
    parts.append(("prompt", link.prompt))
    try:
        query = urlencode([(k, v) for k, v in parts if v], safe=":,/")
    except UnicodeEncodeError:
        raise ValueError(
            "The prompt or a stop string has half of a character (a lone surrogate), "
            "which no link can hold. Remove it."
        ) from None
    _check_length(query)
    return query


def from_query(query: str) -> Link:
    """What a query asks for, with or without its question mark.

    Parts that begin with "__" are the page's own and left out.

    Raises ValueError, in words fit to show, for a query that is too long or broken,
    names a part twice, or holds a value that no setting takes.
    """
    _check_length(query)
    try:
        pairs = parse_qsl(
            query.removeprefix("?"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PARTS,
        )
    except ValueError:  # bytes that are not UTF-8 among them
        raise ValueError(
            f"This link is broken: its text is not UTF-8, or it has over {_MAX_PARTS} "
            "parts. Ask for it again."
        ) from None
    parts = _collected(pairs)
    settings = {n: _read(BY_NAME[n], v) for n, v in parts.items() if n in BY_NAME}
    known = {"v": [VERSION], "preset": [""], "prompt": [""]} | parts
    unknown = [n for n in parts if n not in BY_NAME and n not in _OTHERS]
    if known["v"] != [VERSION]:
        unknown.append(f"v={known['v'][0]}")
    return Link(
        prompt=known["prompt"][0],
        settings=GenerationSettings(**settings),
        preset=known["preset"][0],
        unknown=tuple(map(clipped, unknown)),
    )


def _check_length(query: str) -> None:
    if len(query) > MAX_QUERY:
        raise ValueError(
            f"The link would have {len(query):,} characters, and more than "
            f"{MAX_QUERY:,} do not arrive. Shorten the prompt, or save the run as a "
            "file."
        )


def _changes(settings: GenerationSettings) -> Iterator[tuple[str, str]]:
    for control in CONTROLS:
        value = getattr(settings, control.name)
        if value != control.default:
            yield from ((control.name, text) for text in _written(control, value))


def _written(control: Control, value: Any) -> Iterator[str]:
    """As typed, but short; texts are one part each, as they may hold anything."""
    if value is None or value == ():  # no stop ids are none
        yield "none"
    elif control.kind == "texts":
        yield from value
    elif control.kind == "toggle":
        yield str(value).lower()
    else:
        yield str(as_typed(control, value)).replace(" ", "")


def _collected(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for name, text in pairs:
        if not name.startswith("__"):
            parts.setdefault(name, []).append(text)
    several = [name for name, texts in parts.items() if len(texts) > 1]
    for name in several:
        if name not in BY_NAME or BY_NAME[name].kind != "texts":
            raise ValueError(f"This link has {clipped(name)} twice. Remove one.")
    return parts


def _read(control: Control, texts: list[str]) -> Any:
    """The value, or the text itself where it is none: the settings refuse it."""
    text = texts[0]
    match control.kind:
        case "texts":
            return tuple(texts)
        case "integer" | "number" | "toggle" if text == "none" and control.optional:
            return None
        case "toggle":
            return {"true": True, "false": False}.get(text, text)
        case "number":
            return float(text) if _NUMBER.fullmatch(text) else text
        case _:
            return read_value(control, text)
