"""The files that visitors upload: few at a time, each read once and then deleted."""

import functools
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

UPLOADS_OF_ONE, UPLOADS_OF_ALL = 2, 8
"""Requests with files that are on their way or not read yet: 16 MB each."""

SECONDS_A_FILE_STAYS = 60
"""The page reads it at once."""


class TooManyFiles(ValueError):
    """There is no room for one more; the words say what to do."""


@dataclass(eq=False)
class Upload:
    """What one request brought; `files` is None while it is on its way."""

    address: str
    files: list[Path] | None = None
    begun: float = field(default_factory=time.monotonic)


class Uploads:
    """Files in a folder of their own, within Gradio's, which reads from nowhere else.

    An address that has no room left loses its oldest, which nothing has read.
    """

    def __init__(self) -> None:
        self._held: list[Upload] = []
        self._folder: Path | None = None
        self._changing = threading.Lock()

    @contextmanager
    def on_the_way(self, address: str) -> Iterator[Upload]:
        """Within it a request with files is read. Raises TooManyFiles."""
        upload = Upload(address)
        with self._changing:
            self._make_room(address)
            self._held.append(upload)
        try:
            yield upload
        finally:
            with self._changing:
                if not upload.files and upload in self._held:
                    self._held.remove(upload)

    def keep(self, upload: Upload, contents: Sequence[bytes]) -> list[str]:
        """Write its files down; gives their paths."""
        files = []
        for content in contents:
            folder = Path(tempfile.mkdtemp(dir=self._own_folder()))
            (folder / "run.json").write_bytes(content)
            files.append(folder / "run.json")
        with self._changing:
            upload.files = files
        return [str(path) for path in files]

    def knows(self, path: Any) -> bool:
        """Whether a file with this path was uploaded, and not read yet."""
        with self._changing:
            return any(path == str(file) for file in self._files())

    def take(self, sent: Any) -> bytes | None:
        """The content of a file as the browser names it, which is then deleted.

        None if it is no file, or not there any more.
        """
        path = sent.get("path") if isinstance(sent, dict) else None
        if not self.knows(path):
            return None
        file = Path(str(path))
        content = file.read_bytes()
        with self._changing:
            for upload in [each for each in self._held if file in (each.files or ())]:
                self._delete(upload, file)
        return content

    def read_for(self, opens: Callable[[Any, bytes | None], Any]) -> Callable[..., Any]:
        """`opens`, a function of a tab and what a file has in it, for the file sent."""

        @functools.wraps(opens)
        def read(tab: Any, sent: Any) -> Any:
            return opens(tab, self.take(sent))

        return read

    def delete_old(self) -> None:
        """Delete what has not been read for a while."""
        with self._changing:
            for upload in list(self._held):
                age = time.monotonic() - upload.begun
                if upload.files and age >= SECONDS_A_FILE_STAYS:
                    self._delete(upload)

    def close(self) -> None:
        """Delete all of them."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _make_room(self, address: str) -> None:
        mine = [each for each in self._held if each.address == address]
        kept = [each for each in mine if each.files]
        if len(mine) >= UPLOADS_OF_ONE and not kept:
            raise TooManyFiles(
                f"You are already uploading {UPLOADS_OF_ONE} files. "
                f"Wait until one has arrived."
            )
        if len(mine) >= UPLOADS_OF_ONE:
            self._delete(kept[0])
        if len(self._held) >= UPLOADS_OF_ALL:
            raise TooManyFiles(
                f"{UPLOADS_OF_ALL} files are already being uploaded or read. "
                f"Try again in a minute."
            )

    def _files(self) -> Iterator[Path]:
        for upload in self._held:
            yield from upload.files or ()

    def _delete(self, upload: Upload, *files: Path) -> None:
        """Some files of an upload, or all; without any it holds no room."""
        for file in files or tuple(upload.files or ()):
            shutil.rmtree(file.parent, ignore_errors=True)
            (upload.files or []).remove(file)
        if not upload.files:
            self._held.remove(upload)

    def _own_folder(self) -> Path:
        with self._changing:
            if self._folder is None:
                os.makedirs(get_upload_folder(), exist_ok=True)
                found = tempfile.mkdtemp(prefix="playground-", dir=get_upload_folder())
                self._folder = Path(os.path.abspath(found))
            return self._folder
