"""Links, commands and examples in the documents are true."""

import re
import shlex
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest

from playground.__main__ import parser
from tests.example_names import faults

ROOT = Path(__file__).parent.parent
FOLDERS = ("docs", "assets", "notebooks", "benchmarks", "tests")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(p for each in FOLDERS for p in (ROOT / each).rglob("*.md"))]
)
COMMANDS = {
    file.stem
    for file in (ROOT / "playground" / "commands").glob("*.py")
    if "def add_parser" in file.read_text(encoding="utf-8")
} | {"page"}  # `__main__` has it
GENERATED = {"api.md"}  # signatures, which are no whole code


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code in a language, "" for none."""
    fenced = re.findall(r"^ *```(\w*)\n(.*?)^ *```", text_of(page), re.M | re.S)
    return [dedent(code) for written, code in fenced if written == language]


def prose(page: Path) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text_of(page), flags=re.M | re.S)


@cache
def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub names them."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {
        f"{s}-{n}" if n else s for s, last in found.items() for n in range(last + 1)
    }


def command_lines(page: Path) -> list[list[str]]:
    """What follows `python -m playground` in code, as the shell would hand it over."""
    code = "\n".join(blocks(page, ""))
    return [shlex.split(line) for line in re.findall(r"-m playground (.*)", code)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_document_names_a_folder_of_somebodys_machine(page):
    assert (
        re.findall(r"(?<![\w/.])/(?:home|root|work|opt|Users)/\S*", text_of(page)) == []
    )


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=name_of)
def test_every_example_calls_what_is_there(page):
    names: dict[str, object] = {}
    if page.name not in GENERATED:
        assert [
            fault for each in blocks(page, "python") for fault in faults(each, names)
        ] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_is_one_that_the_command_line_takes(page):
    for line in command_lines(page):
        assert parser().parse_args(line).run
    for command in re.findall(r"`python -m playground ([a-z]+)", text_of(page)):
        assert command in COMMANDS


def test_the_readme_has_every_command():
    assert {line[0] for line in command_lines(ROOT / "README.md")} == COMMANDS


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_make_target_exists_and_takes_its_variables(page):
    makefile = text_of(ROOT / "Makefile")
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, re.M))
    named = re.findall(r"(?:^|`)make ([a-z-]+)((?: [A-Z]+=)?)", text_of(page), re.M)
    assert {target for target, _ in named} <= targets
    for _, variable in named:
        assert f"$({variable.strip(' =')})" in makefile or not variable


def test_every_document_is_in_the_index():
    documents = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    index = text_of(ROOT / "docs" / "README.md")
    assert {name for name in documents if f"({name})" not in index} == set()


def test_an_example_that_is_wrong_is_found():
    head = "from playground.models import MistralCausalLM\n"
    made = head + 'model = MistralCausalLM.from_preset("x")\n'
    assert faults(made + 'model.generate("a", max_length=3)') == []
    assert faults("from playground.models import Mixtral") != []
    assert faults(head + "MistralCausalLM.from_presets('x')") != []
    assert faults(made + "model.generates('a')") != []
    assert faults(made + "model.generate('a', max_tokens=3)") != []
    assert faults(made + "model.generate()") != []
    assert faults(made + "model.backbone.enable_lora(rank=4)") == []
