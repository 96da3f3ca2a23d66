"""The wheel is whole: it works in another environment, from another folder."""

import itertools
import os
import re
import subprocess
import sys
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Iterator, Sequence
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from playground.system.cache_folder import cache_folder
from tests.app_process import AppProcess, free_port
from tests.supply.locks import RUN, read, requirements

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = {
    "page": {"gradio", "pydantic", "starlette"},
    "notebook": {"ipython", "ipywidgets"},
}
USES = """
import playground, widgets
from widgets.snapshot import style_tag

panel = widgets.PlaygroundPanel("shakespeare_mistral")
panel.generate("KING.", sampler="greedy", max_new_tokens=4, chat=False)
panel.join(timeout=300)
print(len(panel.run.token_ids), "tokens")
widgets.show_attention(panel.run, layer=2).save("attention.png")
assert ".playground" in style_tag()
panel.close()
print(playground.__file__, widgets.__file__)
"""
WITHOUT = """
import sys
sys.modules |= dict.fromkeys(("gradio", "ipywidgets", "IPython"))  # as if not there
from playground.__main__ import main
try:
    import widgets
except ModuleNotFoundError as missing:
    print(missing)
print(main(["page", "--port", sys.argv[1]]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `pip wheel` makes it, but with the build backend that is installed here."""
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a new environment with the wheel, and the packages of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], ROOT)
    (packages,) = folder.glob("lib/python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "of_the_tests.pth").write_text("\n".join(here))
    return folder / "bin"


def build(kind: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind]
    run([*command, "-d", str(folder)], ROOT)
    (file,) = folder.iterdir()
    return file


def run(command: Sequence[str], folder: Path) -> str:
    """What it prints, errors too; it must succeed."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def files_below(folder: Path) -> Iterator[Path]:
    return (
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_it_holds_what_the_packages_read_and_nothing_else(wheel: Path) -> None:
    folders = {"playground": "playground", "widgets": "widgets"}
    folders |= {"assets": "playground/assets"}
    wanted = {
        (Path(inside) / path).as_posix()
        for outside, inside in folders.items()
        for path in files_below(ROOT / outside)
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == wanted
    assert {f"{each}/py.typed" for each in ("playground", "widgets")} < names


def test_it_says_what_it_is(wheel: Path) -> None:
    said = metadata(wheel)
    assert said["Name"] == PROJECT["name"]
    assert said["License-Expression"] == "Apache-2.0"
    assert said["License-File"] == "LICENSE"
    assert str(said.get_payload()).startswith("# mistral-playground\n")
    assert set(said.get_all("Provides-Extra", [])) == EXTRAS.keys()
    needed = list(map(Requirement, said.get_all("Requires-Dist", [])))
    for extra, names in EXTRAS.items():
        assert {n.name for n in needed if f'"{extra}"' in str(n.marker)} == names
    always = {need.name for need in needed if not need.marker}
    assert always & set().union(*EXTRAS.values()) == set()


def test_what_is_tested_lies_within_the_bounds_of_the_package() -> None:
    """And every pin is one of its requirements."""
    optional = PROJECT["optional-dependencies"]
    lines = itertools.chain(PROJECT["dependencies"], *optional.values())
    bounds = {canonicalize_name(b.name): b.specifier for b in map(Requirement, lines)}
    pins = {canonicalize_name(p.name) for p in requirements(ROOT / "requirements.txt")}
    assert bounds.keys() == pins
    for name, package in read(RUN).items():
        if name in bounds:
            assert sorted(each.operator for each in bounds[name]) == ["<", ">="]
            assert bounds[name].contains(package.version), name


def test_it_works_from_another_folder(installed: Path, tmp_path: Path) -> None:
    """The page starts, meanwhile a text is written, drawn and shown in a panel."""
    command = (str(installed / "mistral-playground"), "page")
    kept = {"PLAYGROUND_CACHE_DIR": str(cache_folder())}
    with AppProcess(tmp_path, command=command, folder=tmp_path, **kept) as page:
        tokens, places = run(
            [str(installed / "python"), "-c", USES], tmp_path
        ).splitlines()
        assert tokens == "4 tokens"
        packages = installed.parent / "lib"
        assert all(Path(each).is_relative_to(packages) for each in places.split())
        assert (tmp_path / "attention.png").read_bytes()[:4] == b"\x89PNG"
        page.wait_until_it_serves()
        with urllib.request.urlopen(page.url) as answer:
            html = answer.read().decode()
        style = (ROOT / "assets" / "style.css").read_text("utf-8")
        (rule,) = re.findall(r"^#output [^{]*\{", style, re.M)[:1]
        assert rule in html


def test_what_is_missing_for_a_page_or_a_panel_is_said(
    installed: Path, tmp_path: Path
) -> None:
    command = [str(installed / "python"), "-c", WITHOUT, str(free_port())]
    assert run(command, tmp_path).splitlines() == [
        "The panel needs ipywidgets: pip install 'mistral-playground[notebook]'",
        "error: The page needs Gradio: pip install 'mistral-playground[page]'",
        "1",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_pip_installs_it_with_all_it_needs_into_an_empty_environment(
    kind: str, tmp_path: Path
) -> None:
    """It builds and installs as for anybody: isolated, with the newest that fits."""
    built = build(kind, tmp_path / "built")
    venv.create(tmp_path / "environment", with_pip=True, symlinks=True)
    python = str(tmp_path / "environment" / "bin" / "python")
    run([python, "-m", "pip", "install", "-q", f"{built}[page,notebook]"], tmp_path)
    assert "No broken requirements" in run([python, "-m", "pip", "check"], tmp_path)
    assert "4 tokens" in run([python, "-c", USES], tmp_path)
    command = (str(Path(python).with_name("mistral-playground")), "page")
    with AppProcess(tmp_path, command=command, folder=tmp_path) as page:
        page.wait_until_it_serves()
        page.wait_until_it_says("Ready: shakespeare_mistral")
