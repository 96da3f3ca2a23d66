"""`train`: make the small Shakespeare model again, from the texts alone."""

import argparse
from pathlib import Path
from typing import Any

from playground.commands.corpus import add_corpus, corpus_of
from playground.system.cache_folder import cache_folder


def add_parser(commands: Any) -> None:
    """Tell argparse of this command."""
    parser = commands.add_parser(
        "train", help="make the small Shakespeare model again; takes hours, can go on"
    )
    parser.set_defaults(run=_train)
    add = parser.add_argument
    add("target", metavar="DST", type=Path, help="the folder to write the preset to")
    add_corpus(parser)
    add("--no-window", action="store_true", help="let each token see all before it")
    add("--steps", type=int, metavar="N", help="instead of the recipe's")
    add("--seed", type=int, default=0, metavar="N", help="default: %(default)s")


def _train(options: argparse.Namespace) -> int:
    # Keras and JAX take seconds to import, so bad input is answered before.
    from playground.engine import keep_programs
    from playground.training import Recipe, train

    chosen = {"seed": options.seed, "steps": options.steps}
    recipe = Recipe(**{k: v for k, v in chosen.items() if v is not None})
    if options.no_window:
        recipe.sizes["sliding_window"] = None
    keep_programs()  # a run that goes on need not compile again
    train(corpus_of(options), recipe, options.target, cache_folder() / "training")
    print(f"Wrote {options.target}")
    return 0
