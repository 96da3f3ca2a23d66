"""`examples`: write the stored answers of the page's examples anew."""

import argparse
from typing import Any


def add_parser(commands: Any) -> None:
    """Tell argparse of this command."""
    parser = commands.add_parser(
        "examples", help="write the page's stored answers, with their models"
    )
    parser.set_defaults(run=_examples)


def _examples(_options: argparse.Namespace) -> int:
    # Keras and JAX take seconds to import.
    from playground.hosts.examples import PRESETS, write_answers
    from playground.session import Session, start_engine

    for preset, file in PRESETS.items():
        engine = start_engine(preset, warm_length=0)
        answers = write_answers(Session(engine, record=True), preset)
        file.write_text(answers, encoding="utf-8")
        print(f"Wrote {file.name}")
        engine.close()
    return 0
