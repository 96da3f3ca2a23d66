"""docs/api.md: the public names with their signatures and docstrings.

`python -m tools.api` prints it. griffe reads the source without running it, so types
and fields stand as they are written; only a setting's default is asked of its class.
"""

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path

import griffe

from playground.controls import BY_NAME, Control
from tools.docstrings import markdown

ROOT = Path(__file__).parents[1]
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
VIEWS = "playground.views.registry"
TESTS = ROOT / "docs" / "api_tests.md"
MOST_LINES = 8
"""Of a constant's value; a longer one is cut."""

Tests = dict[str, dict[str, list[str]]]
"""Name -> file -> the tests in it that hold the name to its words."""

_HEAD = """# API

Written by `make docs` from signatures and docstrings. Do not edit it here.

What `__all__` names is public; the rest may change. Types and defaults stand as in the
code. Under a name are the tests that hold it to its words; [their table](api_tests.md)
also says what differs from keras-hub.
"""

_HEAD_OF_FUNCTION = re.compile(
    r"(.*?\)(?: -> .+?)?):(?:  #.*| \.\.\.)?$", re.DOTALL | re.M
)
_TEST = re.compile(r"`((?:[\w/]+\.py)?)(?:::(\w+))?`")


def document() -> str:
    """The page: contents, then each module's names in the order of the alphabet."""
    contents = "".join(
        f"- [`{name}`](#{name.replace('.', '')}): {words}\n"
        for name, words in MODULES.items()
    )
    tests = named_tests(TESTS.read_text(encoding="utf-8"))
    return "\n".join([_HEAD, contents, *(_module(each, tests) for each in MODULES)])


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


@cache
def _packages() -> griffe.ModulesCollection:
    loader = griffe.GriffeLoader(search_paths=[ROOT])
    for package in ("playground", "widgets"):
        loader.load(package)
    return loader.modules_collection


def public(module: str) -> dict[str, griffe.Object]:
    """What `__all__` names, or else each class and function without an underscore.

    Each is the object itself, wherever it is defined; what is not ours is left out.
    """
    whole = _packages()[module]
    shown = {f"show_{n}": f for n, f in _views().items() if module == "widgets"}
    names = whole.exports or [
        name
        for name, each in whole.members.items()
        if not (each.is_alias or each.is_attribute or name.startswith("_"))
    ]
    own = {name: _itself(whole.members[name], name) for name in map(str, names)}
    return own | shown


def _views() -> dict[str, griffe.Object]:
    """The functions that declare a view; each makes a `show_` function of widgets."""
    members = _packages()[VIEWS].members.items()
    return {
        name: f
        for name, f in members
        if isinstance(f, griffe.Function) and f.decorators
    }


def _itself(member: griffe.Object | griffe.Alias, name: str) -> griffe.Object:
    """Where it is defined; a module that hides the function of its name has that."""
    found = member.final_target if isinstance(member, griffe.Alias) else member
    if isinstance(found, griffe.Module):
        return _itself(found.members[name], name)
    assert isinstance(found, griffe.Object)
    return found


def code(definition: griffe.Object) -> str:
    """What says how to use it: a signature, the fields, or the value."""
    if isinstance(definition, griffe.Class):
        return _class(definition)
    if definition.module.path == VIEWS:
        return _show(definition)
    if definition.is_function or "property" in definition.labels:
        return _signature(definition)
    lines = definition.source.splitlines()
    return "\n".join([*lines[:MOST_LINES], *["    ..."][: len(lines) > MOST_LINES]])


def _signature(function: griffe.Object) -> str:
    """From the decorators to the colon, as written."""
    head = _HEAD_OF_FUNCTION.match(function.source)
    assert head is not None, function.path
    cached = "cached_" if "cached" in function.labels else ""
    return f"@{cached}property\n" * function.is_attribute + head[1]


def _show(view: griffe.Object) -> str:
    """A view's function, as it is called in a notebook: of a run, and shown."""
    head = _signature(view).partition("def ")[2]
    head = head.replace("subject: Subject", "run: Run")
    head = head.replace("subjects: Sequence[Subject]", "runs: Sequence[Run]")
    return f"def show_{head.rpartition(' -> ')[0]} -> Shown"


def _class(definition: griffe.Class) -> str:
    told = [
        each for d in definition.decorators if "dataclass" in (each := str(d.value))
    ]
    settings = _settings(definition)
    bases = [] if settings else [str(base) for base in definition.bases]
    head = "".join(f"@{each}\n" for each in told) + f"class {definition.name}"
    head += f"({', '.join(bases)})" if bases else ""
    is_fields = told or "NamedTuple" in bases
    inside = settings or (_fields if is_fields else _made_by)(definition)
    return f"{head}:\n{textwrap.indent(inside, '    ')}" if inside else head


def _settings(definition: griffe.Class) -> str:
    """The declared settings that a class takes over, with its own defaults."""
    bases = [_itself(base, base.name) for base in definition.resolved_bases]
    declared = [base for base in bases if base.module.name == "declared"]
    if not declared:
        return ""
    made = getattr(import_module(definition.module.path), definition.name)
    types = {n: _type(m) for base in declared for n, m in base.members.items()}
    lines = []
    for each in fields(made):
        control = BY_NAME[each.name]
        lines.append(f"# {_bounds(control, definition)}{control.help}")
        value = f"{each.name}: {types[each.name]} = {each.default!r}"
        lines.append(value.replace("'", '"'))
    return "\n".join(lines)


def _bounds(control: Control, definition: griffe.Class) -> str:
    """What the chain takes, which may be more than docs/controls.md says."""
    of_chain = definition.module.path.startswith("playground.samplers")
    is_number = control.kind in ("number", "integer")
    return f"{control.in_chain}. " if of_chain and is_number else ""


def _type(member: griffe.Object | griffe.Alias) -> str:
    """As written, "" for what is no field."""
    return str(member.annotation) if isinstance(member, griffe.Attribute) else ""


def _fields(definition: griffe.Class) -> str:
    lines = []
    for name, each in definition.members.items():
        is_field = _type(each) and "property" not in each.labels
        if is_field and not name.startswith("_"):
            words = each.docstring.value if each.docstring else ""
            lines += [f"# {line}" for line in words.splitlines()]
            lines.append(each.source.rstrip())
    return "\n".join(lines)


def _made_by(definition: griffe.Class) -> str:
    made = (owner.members.get("__init__") for owner in _with_bases(definition))
    return next((_signature(_itself(each, "__init__")) for each in made if each), "")


def _with_bases(definition: griffe.Class) -> list[griffe.Class]:
    return [definition, *definition.mro()]


def _methods(definition: griffe.Object) -> Iterator[griffe.Object]:
    """Public ones that have words: the class's own, then those of our bases."""
    seen = set()
    for owner in (
        _with_bases(definition) if isinstance(definition, griffe.Class) else ()
    ):
        for name, each in owner.members.items():
            is_method = each.is_function or "property" in each.labels
            if is_method and not name.startswith("_") and name not in seen:
                seen.add(name)
                if each.docstring:
                    yield _itself(each, name)


def _module(name: str, tests: Tests) -> str:
    itself = _packages()[name]
    found = sorted(public(name).items(), key=lambda each: each[0].lower())
    constants = [each for _, each in found if each.is_attribute]
    others = [(n, each) for n, each in found if not each.is_attribute]
    titles = [_title(each, name) for each, _ in others]
    names = " · ".join(f"[{title}](#{_anchor(title)})" for title in titles)
    parts = [f"## `{name}`\n", markdown(_words(itself)), f"{names}\n"]
    shown: dict[str, str] = {}
    for each, definition in others:
        if not _is_from_elsewhere(each, definition, name):
            parts += _entry(_title(each, name), definition, name, tests, shown)
    if constants:
        codes = dict.fromkeys(map(_constant, constants))
        parts += ["### Values\n", _code("\n\n".join(codes))]
    return "\n".join(parts)


def _title(name: str, module: str) -> str:
    """As one writes it after the usual import, and like no other in the document."""
    package = module.rpartition(".")[2]
    return name if name[0].isupper() and package != "widgets" else f"{package}.{name}"


def _anchor(title: str) -> str:
    """GitHub's, of a heading."""
    return title.replace(".", "").lower()


def _is_from_elsewhere(name: str, definition: griffe.Object, module: str) -> bool:
    """Whether another module here has it as its own, and describes it."""
    return any(
        other != module
        and definition.module.path.startswith(other)
        and name in public(other)
        for other in MODULES
    )


def _entry(
    title: str,
    definition: griffe.Object,
    module: str,
    tests: Tests,
    shown: dict[str, str],
) -> Iterator[str]:
    """A class with its methods, or a function; `shown` are the methods so far."""
    yield f"### {title}\n"
    yield _code(code(definition))
    prefix = title[: title.find("_") + 1]  # widgets.show_* are tried in one test
    named = tests.get(title) or tests.get(prefix, {})
    yield markdown(_words(definition)) + _tests(named)
    again: dict[str, list[str]] = defaultdict(list)
    for method in _methods(definition):
        owner = method.parent.name if method.parent else ""
        if owner != definition.name and owner in public(module):
            again[owner].append(f"`{method.name}`")
        elif method.path in shown:
            again[shown[method.path]].append(f"`{method.name}`")
        else:
            shown[method.path] = title
            yield f"#### {title}.{method.name}\n"
            yield _code(code(method))
            words = tests.get(f"{title}.{method.name}", {})
            yield markdown(_words(method)) + _tests(words)
    for other, inherited in again.items():
        yield f"{', '.join(inherited)}: as in [{other}](#{_anchor(other)}).\n"


def _words(definition: griffe.Object) -> str:
    return definition.docstring.value if definition.docstring else ""


def _constant(definition: griffe.Object) -> str:
    words = "".join(f"# {line}\n" for line in _words(definition).splitlines())
    return words + code(definition)


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


if __name__ == "__main__":
    print(document(), end="")
