"""Public names where they are defined, read from the source without running it.

So what is shown is what stands there: types as written, and the comments of fields.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("playground", "widgets")
MOST_LINES = 8
"""Of a constant's value; a longer one is cut."""

Node = ast.ClassDef | ast.FunctionDef | ast.Assign | ast.AnnAssign


@dataclass(frozen=True, eq=False)
class Module:
    """One file; a package's is its `__init__.py`."""

    name: str
    source: str
    body: list[ast.stmt]
    docstring: str

    def public(self) -> list[str]:
        """`__all__`, or else each class and function without an underscore."""
        for node in self.body:
            if isinstance(node, ast.Assign) and "__all__" in _names(node):
                names = list(ast.literal_eval(node.value))
                return names + [f"show_{n}" for n in views() if self.name == "widgets"]
        defined = (
            n for n in self.body if isinstance(n, ast.ClassDef | ast.FunctionDef)
        )
        return [node.name for node in defined if not node.name.startswith("_")]

    def lines(self, first: int, end: int) -> str:
        """The lines from number `first` up to `end`, counted from 1, without indent."""
        return textwrap.dedent("\n".join(self.source.splitlines()[first - 1 : end - 1]))


@dataclass(frozen=True, eq=False)
class Definition:
    """A class, a function, a method or a constant, and the module it stands in."""

    name: str
    module: Module
    node: Node
    docstring: str
    owner: str = ""  # a method's class

    def code(self) -> str:
        """What says how to use it: a signature, the fields, or the value."""
        match self.node:
            case ast.FunctionDef():
                return self._signature(self.node)
            case ast.ClassDef():
                return self._class_head(self.node)
        lines = self.module.lines(self.node.lineno, _end(self.node)).splitlines()
        return "\n".join([*lines[:MOST_LINES], *["    ..."][: len(lines) > MOST_LINES]])

    def members(self) -> Iterator["Definition"]:
        """Public methods that have words: the class's own, then those of our bases."""
        seen = set()
        for each in self._with_bases():
            for method in each.methods():
                if method.name not in seen and method.docstring:
                    yield method
                seen.add(method.name)

    def methods(self) -> Iterator["Definition"]:
        """The public methods of this class alone."""
        for node in self.node.body if isinstance(self.node, ast.ClassDef) else ():
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                words = ast.get_docstring(node) or ""
                yield Definition(node.name, self.module, node, words, self.name)

    def _with_bases(self) -> Iterator["Definition"]:
        yield self
        for base in self.node.bases if isinstance(self.node, ast.ClassDef) else ():
            name = base.value if isinstance(base, ast.Subscript) else base
            if isinstance(name, ast.Name) and (found := find(name.id, self.module)):
                yield from found._with_bases()

    def _signature(self, node: ast.FunctionDef) -> str:
        """From `def` to the colon, as written."""
        told = [f"@{ast.unparse(each)}\n" for each in node.decorator_list]
        head = self.module.lines(node.lineno, node.body[0].lineno).rstrip()
        head = re.sub(r"  # noqa.*", "", head)
        return "".join(told) + head.removesuffix(":").removesuffix(": ...")

    def _class_head(self, node: ast.ClassDef) -> str:
        bases = ", ".join(map(ast.unparse, node.bases))
        told = [d for d in map(ast.unparse, node.decorator_list) if "dataclass" in d]
        head = "".join(f"@{each}\n" for each in told) + f"class {node.name}"
        head += f"({bases})" if bases else ""
        is_fields = told or "NamedTuple" in bases
        inside = self._fields(node) if is_fields else self._made_by()
        return f"{head}:\n{textwrap.indent(inside, '    ')}" if inside else head

    def _fields(self, node: ast.ClassDef) -> str:
        lines = []
        for field, following in pairwise([*node.body, ast.Pass()]):
            if isinstance(field, ast.AnnAssign) and not _names(field)[0].startswith(
                "_"
            ):
                lines += [f"# {words}" for words in _string(following).splitlines()]
                lines.append(self.module.lines(field.lineno, _end(field)))
        return "\n".join(lines)

    def _made_by(self) -> str:
        for each in self._with_bases():
            for node in each.node.body if isinstance(each.node, ast.ClassDef) else ():
                if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                    return each._signature(node)
        return ""


@cache
def module(name: str) -> Module:
    """The module of that name, out of its file."""
    path = ROOT.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    source = file.read_text(encoding="utf-8")
    tree = ast.parse(source)
    return Module(name, source, tree.body, ast.get_docstring(tree) or "")


def views() -> list[str]:
    """The functions that declare a view; each makes a `show_` function of widgets."""
    return [
        node.name
        for node in module("playground.views.registry").body
        if isinstance(node, ast.FunctionDef) and node.decorator_list
    ]


def _show(name: str) -> Definition:
    """A view's function, as it is called in a notebook: of a run, and shown."""
    registry = module("playground.views.registry")
    view = find(name, registry)
    assert view is not None
    assert isinstance(view.node, ast.FunctionDef)
    source = registry.lines(view.node.lineno, view.node.body[0].lineno) + "\n    ..."
    for here, there in (
        ("def ", "def show_"),
        ("subject: Subject", "run: Run"),
        ("subjects: Sequence[Subject]", "runs: Sequence[Run]"),
    ):
        source = source.replace(here, there, 1)
    source = re.sub(r"-> .*:\n", "-> Shown:\n", source)
    shown = Module("widgets", source, ast.parse(source).body, "")
    (function,) = shown.body
    assert isinstance(function, ast.FunctionDef)
    return Definition(function.name, shown, function, view.docstring)


@cache
def find(name: str, where: Module) -> Definition | None:
    """What `name` is in `where`, wherever it is defined; None if that is not ours."""
    if where.name == "widgets" and name.startswith("show_"):
        return _show(name.removeprefix("show_"))
    for node, following in pairwise([*where.body, ast.Pass()]):
        match node:
            case ast.ImportFrom(module=str(source)):
                if name in (alias.asname or alias.name for alias in node.names):
                    ours = source.partition(".")[0] in OURS
                    return find(name, module(source)) if ours else None
            case ast.ClassDef() | ast.FunctionDef() if node.name == name:
                return Definition(name, where, node, ast.get_docstring(node) or "")
            case ast.Assign() | ast.AnnAssign() if name in _names(node):
                return Definition(name, where, node, _string(following))
    return None


def _names(node: ast.Assign | ast.AnnAssign) -> list[str]:
    """What is assigned: several names if they are a tuple."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return ast.unparse(target).strip("()").split(", ")


def _string(node: ast.stmt) -> str:
    """The words under a constant, if the next statement is a string."""
    match node:
        case ast.Expr(value=ast.Constant(value=str(words))):
            return words
    return ""


def _end(node: ast.stmt) -> int:
    """The line after it."""
    assert node.end_lineno is not None
    return node.end_lineno + 1
