"""A start that cannot work says why, in words, before anything long begins."""

import ast
import errno
import importlib.metadata
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from playground.interface import self_check
from playground.interface.self_check import (
    VARIABLES,
    disk_fault,
    missing_packages,
    other_packages,
    port_fault,
    python_fault,
    unknown_variables,
)

ROOT = Path(__file__).parents[2]
HERE = "127.0.0.1"


def test_the_pythons_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (oldest, newest), after = self_check.PYTHONS, self_check.PYTHONS[1][1] + 1
    assert project["requires-python"] == f">=3.{oldest[1]},<3.{after}"
    assert newest[0] == oldest[0] == 3


def test_an_older_python_is_told_and_can_read_that_far():
    assert python_fault((3, 11)) is python_fault((3, 14)) is None
    fault = python_fault((3, 10))
    assert fault is not None
    assert "Python 3.11 to 3.14 is needed, and this is 3.10" in fault
    for file in (
        "app.py",
        "playground/__init__.py",
        "playground/interface/__init__.py",
    ):
        ast.parse((ROOT / file).read_text(), feature_version=(3, 9))
    ast.parse(Path(self_check.__file__).read_text(), feature_version=(3, 9))


def test_nothing_that_may_be_missing_is_imported_by_then():
    code = (
        "import sys; sys.path.insert(0, '')\n"
        "from playground.interface import self_check\n"
        f"self_check.faults({HERE!r})\n"
        "print(*sys.modules)"
    )
    # -S: without the packages that are installed
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    tops = {name.partition(".")[0] for name in loaded}
    assert tops - sys.stdlib_module_names == {"playground", "__main__"}


@pytest.fixture
def requirements(tmp_path):
    """Writes a requirements file, in the form with hashes too."""

    def write(*lines: str) -> Path:
        path = tmp_path / "requirements.txt"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_a_missing_package_is_named_with_the_command_that_installs_it(requirements):
    path = requirements(
        f"pytest=={pytest.__version__}",
        "no-such-thing==1.0 \\",
        "    --hash=sha256:00",
        "nor.this==2",
    )
    fault = missing_packages(path)
    assert fault is not None
    assert fault.startswith("Not installed: no-such-thing, nor.this. ")
    assert f"{sys.executable} -m pip install -r " in fault


def test_another_version_is_named_beside_the_tested_one(requirements):
    path = requirements("# tested", "pytest==0.1 \\", "    --hash=sha256:00", "")
    assert missing_packages(path) is None
    warning = other_packages(path)
    assert warning is not None
    assert f"pytest {pytest.__version__}, not 0.1." in warning


def test_this_environment_is_what_is_tested_and_all_of_it_is_looked_at(tmp_path):
    assert missing_packages() is other_packages() is None
    names = [name for name, _, _ in self_check._packages(self_check.REQUIREMENTS)]
    pinned = re.findall("^[a-zA-Z].*==", self_check.REQUIREMENTS.read_text(), re.M)
    assert len(names) == len(pinned) > 10
    assert missing_packages(tmp_path / "requirements.txt") is None


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "80.0", " 80"])
def test_what_is_no_port_is_refused(text):
    fault = port_fault(HERE, {"GRADIO_SERVER_PORT": text})
    expected = f"must be a whole number from 1 to 65535, got {text!r}."
    assert fault == f"GRADIO_SERVER_PORT {expected}"


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "0.0.0.0", "::1"])
def test_a_port_is_tried_and_left_free(address):
    if address == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as other:
        port = other.getsockname()[1]
        fault = port_fault(address, {"GRADIO_SERVER_PORT": str(port)})
        assert fault is not None
        assert fault.startswith(f"Port {port} of {address} cannot be used: ")
        assert f"GRADIO_SERVER_PORT={port + 1} python app.py" in fault
    for _ in range(2):
        assert port_fault(address, {"GRADIO_SERVER_PORT": str(port)}) is None


def test_another_machines_address_is_told():
    fault = port_fault("192.0.2.1", {})  # of documentation, RFC 5737
    assert fault is not None
    assert "Port 7860 of 192.0.2.1 cannot be used: " in fault


def test_a_misspelt_variable_is_named_with_the_one_that_is_meant():
    environ = {name: "1" for name in VARIABLES}
    environ |= {"PLAYGROUND_CHROMIUM": "", "HOME": "", "PRESET": ""}
    assert unknown_variables(environ) is None
    warning = unknown_variables(
        environ | {"PLAYGROUND_MODEL": "x", "PLAYGROUND_WEATHER": "x"}
    )
    assert warning == (
        "PLAYGROUND_MODEL is not a variable of this program. "
        "Did you mean PLAYGROUND_MODELS?\n"
        "PLAYGROUND_WEATHER is not a variable of this program; README.md lists them."
    )


def test_variables_are_all_that_the_code_reads_and_that_the_documents_list():
    files = [ROOT / "app.py", *(ROOT / "playground").rglob("*.py")]
    files.remove(Path(self_check.__file__))
    variable = re.compile(r"PLAYGROUND_[A-Z_]+")
    read = {name for file in files for name in variable.findall(file.read_text())}
    assert read == {*VARIABLES}
    readme = (ROOT / "README.md").read_text().split("## As a Hugging Face Space")[1]
    table = [line.split("|")[1] for line in readme.splitlines() if line[:3] == "| `"]
    assert {name for cell in table for name in variable.findall(cell)} == {*VARIABLES}


def test_a_cache_folder_is_made_and_nothing_is_left_in_it(tmp_path):
    assert disk_fault(tmp_path / "new" / "folder") is None
    assert [*(tmp_path / "new" / "folder").iterdir()] == []


def test_a_cache_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    warning = disk_fault(tmp_path / "file" / "cache")
    assert warning is not None
    assert f"kept in {tmp_path / 'file' / 'cache'}: Not a directory." in warning
    assert "PLAYGROUND_CACHE_DIR" in warning


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    free = SimpleNamespace(free=42_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    assert ": 42 MB are free." in (disk_fault(tmp_path) or "")

    def full(**_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert ": No space left on device." in (disk_fault(tmp_path) or "")


def test_all_faults_come_together(monkeypatch):
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    monkeypatch.setenv("GRADIO_SERVER_PORT", "http")
    packages, port = self_check.faults(HERE)
    assert packages.startswith("Not installed: ")
    assert port.startswith("GRADIO_SERVER_PORT must be")
