"""A docstring as Markdown: sections as lists, examples and tables as code."""

import re
import textwrap

import griffe

_NAMES = {"parameters": "Args"}
_OWN = re.compile(r"(`[^`]*`)|([*<\\])")


def markdown(docstring: str) -> str:
    """Sections that griffe finds, in Google's style, as lists; the rest as text."""
    sections = griffe.parse_google(
        griffe.Docstring(docstring), warnings=False, returns_multiple_items=False
    )
    parts = [_text(s.value) if s.kind == "text" else _section(s) for s in sections]
    return "\n\n".join(parts).rstrip() + "\n"


def _text(text: str) -> str:
    """Paragraphs; what is indented, or begins with >>>, is code."""
    parts = []
    for part in re.split(r"\n{2,}", text):
        is_code = part.startswith(("    ", ">>>"))
        language = "python" if part.startswith(">>>") else ""
        parts.append(
            f"```{language}\n{textwrap.dedent(part)}\n```" if is_code else _plain(part)
        )
    return "\n\n".join(parts)


def _section(section: griffe.DocstringSection) -> str:
    name = _NAMES.get(section.kind.value, section.kind.value.capitalize())
    if section.title:  # "Returns: a text", and its other lines
        told = [section.title, *(each.description for each in section.value)]
        return f"*{name}*: {_plain(' '.join(told))}".replace("\n", " ")
    return "\n".join([f"*{name}*\n", *map(_item, section.value)])


def _item(item: griffe.DocstringElement) -> str:
    label = getattr(item, "name", "") or str(item.annotation)
    description = "\n".join(map(_plain, item.description.splitlines()))
    return f"- `{label}`: {textwrap.indent(description, '  ').strip()}"


def _plain(text: str) -> str:
    """Outside of backticks what Markdown would read as its own is itself."""
    plain = _OWN.sub(lambda m: m[1] or f"\\{m[2]}", text)
    return re.sub("^Returns: ", "*Returns*: ", plain)  # of a single line
