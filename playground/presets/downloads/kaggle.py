"""Fetches a Keras preset from Kaggle, with Kaggle's own client.

The client keeps what it fetched, resumes what was broken off, checks MD5 sums, and
reads the person's settings: KAGGLE_API_TOKEN or KAGGLE_USERNAME and KAGGLE_KEY,
KAGGLEHUB_CACHE. Files are asked for one by one, as keras-hub does: so the small ones
come first, and no archive is unpacked whose names somebody else chose.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from kagglehub import clients, model_download  # type: ignore[import-untyped]
from kagglehub.cache import Cache  # type: ignore[import-untyped]
from kagglehub.exceptions import (  # type: ignore[import-untyped]
    DataCorruptionError,
    KaggleApiHTTPError,
)
from kagglehub.handle import parse_model_handle  # type: ignore[import-untyped]

from playground.presets.downloads.progress import bar_class
from playground.presets.errors import LoadError, shown
from playground.presets.keras import names
from playground.presets.keras.weights import shards_in_index
from playground.system.progress import Progress, say_nothing

PREFIX = "kaggle://"
_HANDLE = re.compile(r"(\w[\w.-]*/){2}keras/\w[\w.-]*(/[1-9]\d*)?", re.ASCII)
_BROKEN_OFF = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)


def fetch_from_kaggle(
    preset: str,
    progress: Progress,
    check: Callable[[Path], object],
    weights: bool = True,
) -> Path:
    """The folder of a Keras preset, downloaded as far as it is not there yet.

    Args:
        preset: "kaggle://owner/model/keras/variation", and "/version" where the newest
            is not wanted.
        progress: Told what happens, and the fraction of a file done in 0..1.
        check: Called with the folder when its config.json is there, to refuse a model
            before gigabytes are fetched.
        weights: Whether they are wanted.

    Raises:
        LoadError: No such model, a private one, terms to accept, no network, no space,
            damaged files.
    """
    handle = preset.removeprefix(PREFIX)
    if not _HANDLE.fullmatch(handle):
        raise LoadError(
            f"{shown(preset)} is not the handle of a Keras preset on Kaggle. Write it "
            f"as {PREFIX}owner/model/keras/variation, with /version if you like."
        )
    model = _Model(handle, progress)
    progress(f"Asking for {handle}", None)
    folder = model.get(names.CONFIG_FILE).parent
    check(folder)
    if handle.count("/") == 3 and folder.name.isdecimal():  # the newest version
        model = _Model(f"{handle}/{folder.name}", progress)
    model.find(names.PREPROCESSOR_FILE, before=names.TOKENIZER_FILE)
    model.get(names.TOKENIZER_FILE)
    model.get(names.VOCABULARY_FILE)
    if weights:
        _fetch_weights(model, folder)
    return folder


def is_on_this_machine(preset: str) -> bool:
    """Whether all weights of a preset with a version were fetched."""
    model = _Model(preset.removeprefix(PREFIX))
    if not model.has(names.INDEX_FILE):
        return model.has(names.WEIGHTS_FILE)
    return all(map(model.has, shards_in_index(model.path(), must_exist=False)))


def _fetch_weights(model: "_Model", folder: Path) -> None:
    if model.find(names.INDEX_FILE, before=names.WEIGHTS_FILE) is None:
        model.get(names.WEIGHTS_FILE)
        return
    for file in shards_in_index(folder, must_exist=False):
        model.get(file)


class _Model:
    """The files of one model."""

    def __init__(self, handle: str, progress: Progress = say_nothing) -> None:
        self._handle = handle
        self._progress = progress

    def path(self, file: str | None = None) -> Path:
        """Where the client keeps a file, or all of them."""
        return Path(Cache().get_path(parse_model_handle(self._handle), file))

    def has(self, file: str) -> bool:
        """Whether a file was fetched, whole."""
        handle = parse_model_handle(self._handle)
        return Cache().load_from_cache(handle, file) is not None

    def get(self, file: str) -> Path:
        """The path of a file, which must exist. Raises LoadError."""
        try:
            return self._download(file)
        except Exception as error:
            raise LoadError(_fault(self._handle, file, error)) from error

    def find(self, file: str, before: str) -> Path | None:
        """The same, or None where there is no such file.

        `before` is asked for after it. Where that is on this machine and Kaggle cannot
        be reached, this one was not there when it was asked for.
        """
        try:
            return self._download(file)
        except Exception as error:
            unreachable = isinstance(error, requests.ConnectionError)
            if _is_absent(error) or (unreachable and self.has(before)):
                return None
            raise LoadError(_fault(self._handle, file, error)) from error

    def _download(self, file: str) -> Path:
        """Goes on where a transfer broke off, as long as more comes each time."""
        part = self.path(file)
        while True:
            size = _size(part)
            try:
                with _telling(file, self._progress):
                    return Path(model_download(self._handle, file))
            except _BROKEN_OFF:
                if _size(part) <= size:
                    raise


@contextmanager
def _telling(file: str, progress: Progress) -> Iterator[None]:
    """The client tells `progress` how far it is.

    By itself it draws bars, and writes to standard output, where answers go. Neither is
    a documented part of it: a version that moved one downloads all the same.
    """
    logger = logging.getLogger("kagglehub")
    told = {
        "tqdm": bar_class(file, progress),
        "already_printed_version_warning": True,
    }
    before = {name: vars(clients)[name] for name in told if name in vars(clients)}
    level = logger.level
    logger.setLevel(logging.ERROR)
    vars(clients).update({name: told[name] for name in before})
    try:
        yield
    finally:
        logger.setLevel(level)
        vars(clients).update(before)


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _is_absent(error: Exception) -> bool:
    if isinstance(error, KaggleApiHTTPError):
        return bool(error.response.status_code == 404)
    # What the client says in a Kaggle notebook.
    return "is not present in the model files" in str(error)


def _fault(handle: str, file: str, error: Exception) -> str:
    """What went wrong and what to do; the narrower errors come first."""
    match error:
        case _ if _is_absent(error):
            return (
                f"Kaggle shows no {file} of {handle}. Check owner, model, variation "
                "and version; it must be a Keras preset."
            )
        case KaggleApiHTTPError() if error.response.status_code in (401, 403):
            return (
                f"Kaggle does not let you read {handle}: it is private, or its owner "
                "asks you to accept terms. Open its page on Kaggle and accept them, "
                "make an API token in your settings there, and set KAGGLE_API_TOKEN to "
                "it."
            )
        case DataCorruptionError():
            return (
                f"The {file} that came for {handle} is damaged (its MD5 sum is not the "
                "one that Kaggle gives), so it was thrown away. Try again."
            )
        case requests.HTTPError():
            return (
                f"Kaggle could not send {file} of {handle}: {error}. Try again later."
            )
        case requests.RequestException():
            return (
                f"{handle} is not whole on this machine, and Kaggle cannot be reached "
                f"for {file}. What was fetched is kept, so connect, check your proxy, "
                "and try again. With its version at the end of the handle, a preset "
                f"that was fetched needs no network. The client said: {error}"
            )
        case OSError():
            return (
                f"{file} of {handle} cannot be kept: {error.strerror or error}. Make "
                "room, or set KAGGLEHUB_CACHE to a folder on another disk."
            )
        case _:
            return (
                f"{file} of {handle} could not be downloaded. The client said: "
                f"{error or type(error).__name__}"
            )
