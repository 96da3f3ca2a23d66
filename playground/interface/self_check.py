"""What is wrong before a start, in words: the machine, the packages, the variables.

Each check gives a sentence, or None, within milliseconds. What stands here runs before
anything that may be missing is imported, so it imports Python's own modules only, and
stays readable to the older Pythons that it turns away.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path

PYTHONS = ((3, 11), (3, 14))
"""The oldest and the newest that is tested."""
REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements.txt"
VARIABLES = (
    "PLAYGROUND_PRESET",
    "PLAYGROUND_MODELS",
    "PLAYGROUND_DTYPE",
    "PLAYGROUND_MAX_NEW_TOKENS",
    "PLAYGROUND_MAX_SECONDS",
    "PLAYGROUND_PEOPLE",
    "PLAYGROUND_MCP",
    "PLAYGROUND_CACHE_DIR",
)
_OF_TESTS = ("PLAYGROUND_CHROMIUM", "PLAYGROUND_SOAK_MINUTES")
_ROOM_MB = 100
DEFAULT_PORT = 7860


def address() -> str:
    """Where the page listens: GRADIO_SERVER_NAME, or everywhere on a Space."""
    here = "0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1"
    return os.environ.get("GRADIO_SERVER_NAME") or here


def check_start() -> None:
    """Exit with all that is wrong; print what a page starts with, but should not."""
    if found := faults(address()):
        sys.exit("\n".join(found))
    for warning in warnings():
        print(warning, file=sys.stderr)


def faults(address: str) -> list[str]:
    """Why a page cannot start at `address` now; empty if it can."""
    found = (python_fault(), missing_packages(), port_fault(address, os.environ))
    return [fault for fault in found if fault]


def warnings() -> list[str]:
    """What a page starts with, but should not; packages are there already."""
    from playground.system.cache_folder import cache_folder

    found = (
        other_packages(),
        unknown_variables(os.environ),
        disk_fault(cache_folder()),
    )
    return [warning for warning in found if warning]


def python_fault(version: tuple[int, ...] = sys.version_info[:2]) -> str | None:
    """Whether this Python is too old. A newer one may work, so it is allowed."""
    oldest, newest = (".".join(map(str, each)) for each in PYTHONS)
    if version >= PYTHONS[0]:
        return None
    found = ".".join(map(str, version))
    return (
        f"Python {oldest} to {newest} is needed, and this is {found} "
        f"({sys.executable}). On a Space, set python_version in README.md."
    )


def missing_packages(requirements: Path = REQUIREMENTS) -> str | None:
    """The required packages that are not installed."""
    missing = [name for name, _, found in _packages(requirements) if found is None]
    if not missing:
        return None
    return (
        f"Not installed: {', '.join(missing)}. Install what is needed: {_install()}, "
        "or start with `make run`, which does."
    )


def other_packages(requirements: Path = REQUIREMENTS) -> str | None:
    """The packages of which another version is installed than the tested one."""
    other = [
        f"{name} {found}, not {wanted}"
        for name, wanted, found in _packages(requirements)
        if found not in (wanted, None)
    ]
    if not other:
        return None
    return f"Not the tested versions: {'; '.join(other)}. If it fails: {_install()}"


def _packages(requirements: Path) -> Iterator[tuple[str, str, str | None]]:
    """Name, pinned version and installed one, None if there is none.

    Nothing where requirements.txt did not come along, as in an installed wheel.
    """
    lines = requirements.read_text("utf-8") if requirements.is_file() else ""
    for name, wanted in re.findall(r"^([\w.-]+)==([^\s;\\]+)\s*\\?$", lines, re.M):
        try:
            yield name, wanted, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, wanted, None


def _install() -> str:
    return f"{sys.executable} -m pip install -r {REQUIREMENTS}"


def port_fault(address: str, environ: Mapping[str, str]) -> str | None:
    """Whether GRADIO_SERVER_PORT is no port, or cannot be listened on."""
    text = environ.get("GRADIO_SERVER_PORT") or str(DEFAULT_PORT)
    if not (text.isdecimal() and 1 <= int(text) <= 65_535):
        return (
            f"GRADIO_SERVER_PORT must be a whole number from 1 to 65535, got {text!r}."
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, int(text)))
        except OSError as error:
            return _cannot_listen(address, int(text), error)
    return None


def _cannot_listen(address: str, port: int, error: OSError) -> str:
    other = port + 1 if 1024 <= port < 65_535 else DEFAULT_PORT
    start = f"make run PORT={other}, or GRADIO_SERVER_PORT={other} python app.py"
    if not REQUIREMENTS.is_file():  # an installed package, not a checkout
        start = f"mistral-playground page --port {other}"
    return (
        f"Port {port} of {address} cannot be used: {error.strerror or error}. End the "
        f"program that uses it, or choose another: {start}"
    )


def unknown_variables(environ: Mapping[str, str]) -> str | None:
    """The variables that look like this program's and are not read by it."""
    known = (*VARIABLES, *_OF_TESTS)
    unknown = [
        name
        for name in sorted(environ)
        if name.startswith("PLAYGROUND_") and name not in known
    ]
    found = [
        f"{name} is not a variable of this program{_meant(name)}" for name in unknown
    ]
    return "\n".join(found) or None


def _meant(name: str) -> str:
    near = get_close_matches(name, VARIABLES, n=1, cutoff=0.8)
    return f". Did you mean {near[0]}?" if near else "; README.md lists them."


def disk_fault(folder: Path) -> str | None:
    """Whether nothing can be kept in the cache folder, which is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(1 << 16))
        free_mb = shutil.disk_usage(folder).free // 1_000_000
    except OSError as error:
        found = error.strerror or str(error)
    else:
        if free_mb >= _ROOM_MB:
            return None
        found = f"{free_mb} MB are free"
    return (
        f"Little or nothing can be kept in {folder}: {found}. Models are not "
        "downloaded then, and programs are compiled again at every start. Make room, "
        "or set PLAYGROUND_CACHE_DIR to another folder."
    )
