"""Fetches a model from the Hugging Face Hub, with the Hub's own client.

The client keeps what it fetched, resumes what was broken off, and reads the person's
settings: HF_TOKEN, HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE.
"""

import errno
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from playground.presets.downloads.progress import bar_class
from playground.presets.errors import LoadError
from playground.system.progress import Progress

PREFIX = "hf://"
_DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)
# Of both layouts; nothing else in a repository is of use here, and pickles least.
_SMALL_FILES = [
    "config.json",
    "params.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer.model.v*",
    "tekken.json",
    "tokenizer_config.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "adapter_config.json",
    "preprocessor.json",
    "assets/tokenizer/vocabulary.spm",
    "model.safetensors.index.json",
    "consolidated.safetensors.index.json",
    "model.weights.json",
]
_WEIGHTS = [
    "model.safetensors",
    "model-*-of-*.safetensors",
    "model.weights.h5",
    "model_*.weights.h5",
]
_MISTRALS_WEIGHTS = ["consolidated*.safetensors"]


def fetch_from_hub(
    preset: str,
    progress: Progress,
    check: Callable[[Path], object],
    weights: bool = True,
) -> Path:
    """The folder of a model, downloaded as far as it is not there yet.

    Args:
        preset: "hf://organisation/name".
        progress: Told what happens, and the fraction done in 0..1.
        check: Called with the folder when all but the weights is there, to refuse a
            model before gigabytes are fetched.
        weights: Whether they are wanted.

    Raises:
        LoadError: No such repository, a private or gated one, no network, no space.
    """
    repository = preset.removeprefix(PREFIX)
    try:
        progress(f"Asking for {repository}", None)
        folder = _snapshot(repository, _SMALL_FILES, progress)
        check(folder)
        if weights:
            # Mistral's repositories have the same weights in its own layout too.
            is_mistrals = not (folder / "config.json").is_file()
            wanted = _MISTRALS_WEIGHTS if is_mistrals else _WEIGHTS
            folder = _snapshot(repository, [*_SMALL_FILES, *wanted], progress)
        return folder
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(_fault(repository, error)) from error


def _snapshot(repository: str, files: list[str], progress: Progress) -> Path:
    return Path(
        snapshot_download(
            repository,
            allow_patterns=files,
            tqdm_class=bar_class(repository, progress),
        )
    )


def _fault(repository: str, error: Exception) -> str:
    """What went wrong and what to do; the narrower errors come first."""
    match error:
        case HFValidationError():
            return (
                f"{PREFIX}{repository} is not the name of a model on the Hugging Face "
                f"Hub. Write it as {PREFIX}organisation/name."
            )
        case GatedRepoError():
            return (
                f"{repository} is gated: its owner asks you to accept conditions. Open "
                "its page on the Hub, accept them, and set HF_TOKEN to a token of "
                "yours."
            )
        case RepositoryNotFoundError():
            return (
                f"The Hub shows no model {repository}. Check the name. If it is "
                "private, set HF_TOKEN to a token that may read it, or log in with "
                "`hf auth login`."
            )
        case LocalEntryNotFoundError():
            return (
                f"{repository} is not whole on this machine, and the Hub cannot be "
                "reached. Connect once (HF_HUB_OFFLINE=0), check your proxy and "
                f"HF_ENDPOINT, and try again. The client said: {error}"
            )
        case HfHubHTTPError() if error.response.status_code == 401:
            return (
                f"The Hub does not accept your token for {repository}. Set HF_TOKEN to "
                "a valid one, or log in with `hf auth login`."
            )
        case OSError() if error.errno in _DISK_FAULTS:
            return (
                f"{repository} cannot be kept: {error.strerror}. Make room and check "
                "that you may write there, or set HF_HOME to another folder."
            )
        case _:
            return (
                f"{repository} could not be downloaded. What was fetched is kept, so "
                f"try again. The client said: {error or type(error).__name__}"
            )
