"""Compiled programs on disk: each written whole or not at all, and read only if whole.

JAX's own files are written in place. One that a kill or a full disk cut short stays:
a warning and a compilation at every later start. A changed byte is machine code that
runs, where JAX packs with zstd, as on Python 3.14. Here a program lies behind its
SHA-256, and comes into place by a rename, so processes may share a folder.
"""

import hashlib
import logging
import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

_DIGEST_BYTES = hashlib.sha256().digest_size
_log = logging.getLogger(__name__)


class ProgramFiles:
    """A folder with a file for each program, as JAX's `CacheInterface` wants one.

    It never raises for a fault of the disk.

    What cannot be read is compiled again, what cannot be written is compiled at the
    next start too; that is said once.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder
        self._said = False

    def get(self, key: str) -> bytes | None:
        """The program, or None if there is none that is whole."""
        try:
            content = self._file(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._say("read", error)
            return None
        digest, program = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        return program if hashlib.sha256(program).digest() == digest else None

    def put(self, key: str, value: bytes) -> None:
        """Keep a program, in place of one that was damaged or made elsewhere."""
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self._write(self._file(key), hashlib.sha256(value).digest() + value)
        except OSError as error:
            self._say("kept", error)

    def _write(self, file: Path, content: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=".", dir=self._path)
        try:
            with os.fdopen(handle, "wb") as part:
                part.write(content)
            os.replace(name, file)
        except OSError:
            os.unlink(name)
            raise

    def _file(self, key: str) -> Path:
        return self._path / f"{key}.program"

    def _say(self, what: str, error: OSError) -> None:
        if not self._said:
            _log.warning(
                "Compiled programs cannot be %s in %s: %s. It works without them, but "
                "every start compiles anew. Make room and check that you may write "
                "there, or set PLAYGROUND_CACHE_DIR to another folder.",
                what,
                self._path,
                error.strerror or error,
            )
        self._said = True


def use_program_files() -> None:
    """Let JAX keep its programs in these files, wherever its folder is a local one.

    That is no documented part of JAX. A version that moved it keeps them in files of
    its own, which is said; a test names the version in which it was found.
    """
    try:
        cache: Any = import_module("jax._src.compilation_cache")
        elsewhere = cache.get_file_cache
    except (ImportError, AttributeError) as error:
        _log.warning("JAX keeps compiled programs in files of its own: %s.", error)
        return

    def file_cache(path: str) -> Any:
        return elsewhere(path) if "://" in path else (ProgramFiles(Path(path)), path)

    cache.get_file_cache = file_cache
