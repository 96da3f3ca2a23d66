"""`api`: the public names with their signatures and docstrings as a Markdown page."""

import argparse
import ast
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from playground.commands.api_source import ROOT, Definition, Module, find, module

MODULES = {
    "playground.models": "the model, and what explains it",
    "playground.samplers": "how the next token is chosen",
    "playground.tokenizers": "text to token ids and back",
    "playground.presets": "where models come from",
    "playground.engine": "the thread that owns a model, and its events",
    "playground.settings": "the settings of one run",
    "playground.controls": "every control's words and bounds",
    "playground.session": "one user's runs",
    "playground.session.comparison": "one prompt through several settings at once",
    "playground.transcript.answer_tree": "all runs of a session",
    "playground.transcript": "one run: what it was given and made",
    "playground.exports": "a run to take away",
    "playground.plots": "pictures of views",
    "widgets": "the notebook panel, and pictures of runs",
}
TESTS = ROOT / "docs" / "api_tests.md"

Tests = dict[str, dict[str, list[str]]]
"""Name -> file -> the tests in it that hold the name to its words."""

_HEAD = """# API

Written by `make docs` from signatures and docstrings. Do not edit it here.

What `__all__` names is public; the rest may change. Types and defaults stand as in the
code. Under a name are the tests that hold it to its words; [their table](api_tests.md)
also says what differs from keras-hub.
"""

_SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Yields):(.*)")
_ITEM = re.compile(r"(\S[^:]*?):(?: (.*)|$)")
_TEST = re.compile(r"`((?:[\w/]+\.py)?)(?:::(\w+))?`")


def add_parser(commands: Any) -> None:
    """Tell argparse of this command."""
    parser = commands.add_parser("api", help="print the API as Markdown")
    parser.set_defaults(run=_api)


def _api(_options: argparse.Namespace) -> int:
    print(document(), end="")
    return 0


def document() -> str:
    """docs/api.md: contents, then each module's names in the order of the alphabet."""
    modules = [module(name) for name in MODULES]
    contents = "".join(f"- {_contents(each)}\n" for each in modules)
    tests = named_tests(TESTS.read_text(encoding="utf-8"))
    return "\n".join([_HEAD, contents, *(_module(each, tests) for each in modules)])


def named_tests(table: str) -> Tests:
    """What a table says whose rows begin with names and end with tests.

    Names are written in full, `MistralCausalLM.generate`; a row that begins with ...
    is about the one before it. A file's name holds for the tests after it, too; by
    itself it stands for all tests in it.
    """
    found: Tests = defaultdict(lambda: defaultdict(list))
    names: list[str] = []
    for line in table.splitlines():
        cells = line.split(" | ")
        if not line.startswith("| ") or "`" not in cells[-1]:
            continue
        if not line.startswith("| ..."):
            names = re.findall(r"`(\w[\w.]*)", cells[0])
        file = ""
        for its_file, test in _TEST.findall(cells[-1]):
            file = its_file or file
            for name in names:
                found[name][file].append(test)
    return found


def _contents(each: Module) -> str:
    return f"[`{each.name}`](#{each.name.replace('.', '')}): {MODULES[each.name]}"


def _module(each: Module, tests: Tests) -> str:
    found = [d for name in each.public() if (d := find(name, each))]
    found.sort(key=lambda d: d.name.lower())
    constants = [d for d in found if isinstance(d.node, ast.Assign | ast.AnnAssign)]
    others = [d for d in found if d not in constants]
    titles = [_title(definition, each) for definition in others]
    names = " · ".join(f"[{title}](#{_anchor(title)})" for title in titles)
    parts = [f"## `{each.name}`\n", markdown(each.docstring), f"{names}\n"]
    shown: dict[ast.AST, str] = {}
    for definition in others:
        if not _is_from_elsewhere(definition, each):
            parts += _entry(definition, each, tests, shown)
    if constants:
        codes = dict.fromkeys(map(_constant, constants))
        parts += ["### Values\n", _code("\n\n".join(codes))]
    return "\n".join(parts)


def _title(definition: Definition, each: Module) -> str:
    """As one writes it after the usual import, and like no other in the document."""
    package = each.name.rpartition(".")[2]
    plain = definition.name[0].isupper() and package != "widgets"
    return definition.name if plain else f"{package}.{definition.name}"


def _anchor(title: str) -> str:
    """GitHub's, of a heading."""
    return title.replace(".", "").lower()


def _is_from_elsewhere(definition: Definition, each: Module) -> bool:
    """Whether another module here has it as its own, and describes it."""
    return any(
        name != each.name
        and definition.module.name.startswith(name)
        and definition.name in module(name).public()
        for name in MODULES
    )


def _entry(
    definition: Definition, each: Module, tests: Tests, shown: dict[ast.AST, str]
) -> Iterator[str]:
    """A class with its methods, or a function; `shown` are the methods so far."""
    title = _title(definition, each)
    yield f"### {title}\n"
    yield _code(definition.code())
    prefix = title[: title.find("_") + 1]  # widgets.show_* are tried in one test
    named = tests.get(title) or tests.get(prefix, {})
    yield markdown(definition.docstring) + _tests(named)
    again: dict[str, list[str]] = defaultdict(list)
    for member in definition.members():
        if member.owner != definition.name and member.owner in each.public():
            again[member.owner].append(f"`{member.name}`")
        elif member.node in shown:
            again[shown[member.node]].append(f"`{member.name}`")
        else:
            shown[member.node] = title
            yield f"#### {title}.{member.name}\n"
            yield _code(member.code())
            words = tests.get(f"{title}.{member.name}", {})
            yield markdown(member.docstring) + _tests(words)
    for other, inherited in again.items():
        yield f"{', '.join(inherited)}: as in [{other}](#{_anchor(other)}).\n"


def _constant(definition: Definition) -> str:
    words = "".join(f"# {line}\n" for line in definition.docstring.splitlines())
    return words + definition.code()


def _code(code: str) -> str:
    return f"```python\n{code}\n```\n"


def _tests(named: Mapping[str, Sequence[str]]) -> str:
    """The tests' names, which are sentences, each file a link."""
    lines = []
    for file, tests in named.items():
        sentences = "; ".join(each.removeprefix("test_") for each in tests if each)
        words = f": {sentences.replace('_', ' ')}" if sentences else ""
        lines.append(f"[{file}](../tests/{file}){words}")
    return f"\n<sub>{'<br>'.join(lines)}</sub>\n" if lines else ""


def markdown(docstring: str) -> str:
    """A docstring as Markdown: sections as lists, examples and tables as code."""
    lines: list[str] = []
    rest = docstring.strip().splitlines()
    while rest:
        line = rest.pop(0)
        if section := _SECTION.fullmatch(line):
            lines += _section(section[1], section[2].strip(), _indented(rest))
        elif line.startswith("    ") and (not lines or not lines[-1]):
            block = textwrap.dedent("\n".join([line, *_indented(rest)]))
            lines += ["```", *block.rstrip().splitlines(), "```", ""]
        elif line.startswith(">>>"):
            lines += ["```python", line, *_until_blank(rest), "```", ""]
        else:
            lines.append(_plain(line))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _indented(rest: list[str]) -> list[str]:
    """The indented lines at the beginning, taken off `rest`; blank ones inside too."""
    taken = []
    while rest and (not rest[0] or rest[0].startswith("    ")):
        taken.append(rest.pop(0))
    return taken


def _until_blank(rest: list[str]) -> list[str]:
    taken = []
    while rest and rest[0]:
        taken.append(rest.pop(0))
    return taken


def _section(name: str, first: str, indented: list[str]) -> list[str]:
    body = textwrap.dedent("\n".join(indented)).strip().splitlines()
    if first or not all(_ITEM.match(line) for line in body[:1]):
        return ["", f"*{name}*: {_plain(' '.join([first, *body]).strip())}", ""]
    items: list[str] = []
    for line in body:
        item = _ITEM.match(line) if not line.startswith(" ") else None
        if item:
            label = item[1] if item[1].startswith("`") else f"`{item[1]}`"
            items.append(f"- {label}: {_plain(item[2] or '')}".rstrip())
        elif line:
            items.append(f"  {_plain(line.strip())}")
    return ["", f"*{name}*", "", *items, ""]


def _plain(line: str) -> str:
    """Outside of backticks what Markdown would read as its own is itself."""
    return re.sub(r"(`[^`]*`)|([*<\\])", lambda m: m[1] or f"\\{m[2]}", line)
