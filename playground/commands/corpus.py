"""Where the texts of `train` and `evaluate` come from."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from playground.commands.status_line import StatusLine

if TYPE_CHECKING:
    from playground.training import Corpus


def add_corpus(parser: argparse.ArgumentParser) -> None:
    """The option that both have."""
    parser.add_argument(
        "--corpus",
        type=Path,
        metavar="ARCHIVE",
        help="Shakespeare's works, instead of downloading them",
    )


def corpus_of(options: argparse.Namespace) -> Corpus:
    """The works, downloaded if they are not there yet. Raises LoadError."""
    # Imports Keras and JAX, which take seconds.
    from playground.training import fetch_corpus, read_corpus

    status = StatusLine()
    archive = options.corpus or fetch_corpus(status.show)
    status.show("")
    return read_corpus(archive)
