"""Where downloaded models and compiled programs are kept between starts."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """`PLAYGROUND_CACHE_DIR`, or the user's cache folder for this program."""
    chosen = os.environ.get("PLAYGROUND_CACHE_DIR")
    return Path(chosen or platformdirs.user_cache_dir("mistral-playground"))
