"""Where the files lie that come along: scripts, styles, stored answers, a model."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def asset_folder() -> Path:
    """The folder `assets`: inside the installed package, or beside it in a checkout."""
    installed = _PACKAGE / "assets"
    return installed if installed.is_dir() else _PACKAGE.with_name("assets")
