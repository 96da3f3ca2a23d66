"""`evaluate`: bits per byte on Shakespeare's held-out plays."""

import argparse
from pathlib import Path
from typing import Any

from playground.commands.corpus import add_corpus, corpus_of


def add_parser(commands: Any) -> None:
    """Tell argparse of this command."""
    parser = commands.add_parser(
        "evaluate", help="measure a model on Shakespeare's held-out plays"
    )
    parser.set_defaults(run=_evaluate)
    add = parser.add_argument
    add("preset", metavar="NAME_OR_PATH", help="what from_preset takes")
    add("--against", metavar="NAME_OR_PATH", help="one more model to compare with")
    add_corpus(parser)
    add(
        "--card",
        action="store_true",
        help="write the numbers into README.md of the model's folder",
    )


def _evaluate(options: argparse.Namespace) -> int:
    folder = Path(options.preset)
    # Keras and JAX take seconds to import, so bad input is answered before.
    from playground.training import measure, numbers, write_card

    if options.card and not (folder / "training.json").is_file():
        raise ValueError(
            f"--card needs the folder that `train` wrote; {options.preset!r} has no "
            "training.json."
        )
    measured = measure(options.preset, corpus_of(options), options.against)
    if options.card:
        write_card(folder, measured)
    print(numbers(measured))
    return 0
