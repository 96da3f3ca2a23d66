"""The files around the code agree with it and with each other."""

import ast
import importlib
import importlib.metadata
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import playground
from playground.controls import CONTROLS, SAMPLERS
from playground.samplers import PRESETS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
OPTIONAL = {"pandas"}  # for whoever has it
PACKAGES = [
    playground.__name__,
    *(
        module.name
        for module in pkgutil.walk_packages(playground.__path__, "playground.")
        if module.ispkg
    ),
]


def pins(file: str) -> dict[str, str]:
    """Package -> version of a requirements file in which every line is an exact pin."""
    lines = (ROOT / file).read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonical(name): version for name, version in pairs}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def front_matter() -> dict[str, Any]:
    """The settings of the Hugging Face Space."""
    return yaml.safe_load(README.split("---\n")[1])


def third_party_imports() -> set[str]:
    """Top-level names that the code imports, neither Python's nor our own."""
    folders = (ROOT / "playground", ROOT / "widgets")
    files = [
        ROOT / "app.py",
        *(file for each in folders for file in each.rglob("*.py")),
    ]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    names = {
        alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names
    }
    names |= {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module}
    tops = {name.partition(".")[0] for name in names}
    return tops - sys.stdlib_module_names - {"playground", "widgets", *OPTIONAL}


def output_of(*arguments: str) -> str:
    """What a fresh Python in the repository's folder prints."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_the_space_runs_the_gradio_that_is_tested():
    assert front_matter()["sdk_version"] == pins("requirements.txt")["gradio"]


def test_the_space_settings_are_ones_it_accepts():
    settings = front_matter()
    assert (ROOT / settings["app_file"]).is_file()
    assert isinstance(settings["python_version"], str)
    assert len(settings["short_description"]) < 60
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert settings["license"] == project["license"].lower()


def test_every_import_is_a_pinned_requirement():
    distributions = importlib.metadata.packages_distributions()
    imported = {canonical(distributions[name][0]) for name in third_party_imports()}
    assert imported - pins("requirements.txt").keys() == set()


def test_the_readme_lists_every_part_of_the_library_and_nothing_else():
    tree = README.split("## Layout")[1].split("```")[1].splitlines()[1:]
    outer = {line.split()[0] for line in tree if line and not line.startswith(" ")}
    inner = {line.split()[0].rstrip("/") for line in tree if line.startswith("    ")}
    assert {name for name in outer if not (ROOT / name).exists()} == set()
    parts = {path.name for path in (ROOT / "playground").iterdir()}
    assert inner == parts - {"__init__.py", "__pycache__", "py.typed"}


def test_the_document_of_the_controls_is_up_to_date():
    """`make docs` writes it."""
    written = (ROOT / "docs" / "controls.md").read_text(encoding="utf-8")
    assert output_of("-m", "tools.controls") == written


def test_the_document_has_every_control_and_every_named_chain():
    lines = (ROOT / "docs" / "controls.md").read_text(encoding="utf-8").splitlines()
    for control in CONTROLS:
        begins = f"| `{control.name}` | {control.label} | "
        (line,) = (each for each in lines if begins + control.help[:20] in each)
        acting = {name for name in SAMPLERS if control.acts_on(name)}
        readers = line.split("|")[-2]
        named = {*re.findall("`([a-z_]+)`", readers)}
        assert acting == ({*SAMPLERS} - named if "all" in readers else named)
        assert f" | {control.expected} | " in line
    for name, numbers in PRESETS.items():
        (line,) = (each for each in lines if each.startswith(f"| {name} | "))
        assert line.count("`") == 2 * len(numbers)


@pytest.mark.parametrize("package", PACKAGES)
def test_all_names_what_a_package_exports(package):
    module = importlib.import_module(package)
    declared = getattr(module, "__all__", [])
    assert len(declared) == len(set(declared))
    assert [name for name in declared if not hasattr(module, name)] == []
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public - set(declared) == set()


def test_importing_the_library_loads_no_host():
    code = "import playground, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert {"gradio", "ipywidgets", "matplotlib"} & set(loaded) == set()


def test_browsers_outside_of_the_pages_tests_are_slow():
    """`make test` looks for those that are not in tests/web alone."""
    for file in (ROOT / "tests").rglob("test_*.py"):
        text = file.read_text(encoding="utf-8")
        if "pytest.mark.browser" in text and file.parent.name != "web":
            assert "pytest.mark.slow" in text, file
