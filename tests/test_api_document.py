"""docs/api.md is what the code says, and the table of tests tells the truth."""

import importlib
import re
from pathlib import Path

import pytest

from tools.api import MODULES, code, document, named_tests, public
from tools.docstrings import markdown

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
PAGE = (DOCS / "api.md").read_text(encoding="utf-8")
NAMED = named_tests((DOCS / "api_tests.md").read_text(encoding="utf-8"))
TITLES = re.findall(r"^###+ (.*)$", PAGE, re.M)


def test_the_page_is_up_to_date():
    """`make docs` writes it."""
    assert document() == PAGE


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_described_and_has_a_test(name):
    described = public(name)
    exported = getattr(importlib.import_module(name), "__all__", described)
    assert {*exported} == {*described}
    for each, definition in described.items():
        if code(definition).startswith(("class ", "def ", "@")):
            full = f"{name.rpartition('.')[2]}.{each}"
            assert definition.docstring
            shown = each.startswith("show_") and "widgets.show_"
            assert NAMED[shown or (full if full in TITLES else each)]
        else:
            assert f"\n{code(definition)}\n" in PAGE


def test_no_heading_comes_twice():
    titles = [title for title in TITLES if title != "Values"]
    assert len(titles) == len({*titles})


def test_what_the_table_names_exists():
    for name in NAMED:
        first, _, attribute = name.partition(".")
        if name in TITLES or not first[0].isupper():
            continue
        owner = getattr(importlib.import_module("playground.models"), first)
        assert hasattr(owner, attribute), name


def test_each_test_that_the_table_names_exists():
    named = {(f, t) for files in NAMED.values() for f in files for t in files[f]}
    sources = {file: (TESTS / file).read_text(encoding="utf-8") for file, _ in named}
    gone = {(f, t) for f, t in named if t and f"def {t}(" not in sources[f]}
    assert gone == set()


def test_a_row_names_several_tests_of_several_names():
    table = """
| name | ours | test |
|-|-|-|
| `A.run(x)`, `b.go` | | `x/test_x.py::test_one`, `::test_two`, `y.py` |
| ... `x` | at most 3 | `y.py::test_three` |
"""
    tests = {"x/test_x.py": ["test_one", "test_two"], "y.py": ["", "test_three"]}
    assert named_tests(table) == {"A.run": tests, "b.go": tests}


def test_a_docstring_becomes_markdown():
    docstring = """Numbers in [0, 2**32), as `2**32`.

    >>> 1 + 1
    2

Worked example:

    a    b
    1  <-2

Args:
    first: of two
        lines.
    second: one.

Returns: a text
    of one line.
"""
    assert markdown(docstring.replace("    >>> 1 + 1\n    2", ">>> 1 + 1\n2")) == (
        "Numbers in [0, 2\\*\\*32), as `2**32`.\n\n"
        "```python\n>>> 1 + 1\n2\n```\n\n"
        "Worked example:\n\n```\na    b\n1  <-2\n```\n\n"
        "*Args*\n\n- `first`: of two\n  lines.\n- `second`: one.\n\n"
        "*Returns*: a text of one line.\n"
    )
