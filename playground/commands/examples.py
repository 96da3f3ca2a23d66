"""`examples`: write the stored answers of the page's examples anew."""

import argparse
from typing import Any


def add_parser(commands: Any) -> None:
    """Tell argparse of this command."""
    parser = commands.add_parser(
        "examples", help="write the page's stored answers anew, with the default model"
    )
    parser.set_defaults(run=_examples)


def _examples(_options: argparse.Namespace) -> int:
    # Keras and JAX take seconds to import.
    from playground.hosts.examples import FILE, write_answers
    from playground.presets import DEFAULT_PRESET
    from playground.session import Session, start_engine

    engine = start_engine(DEFAULT_PRESET, warm_length=0)
    FILE.write_text(write_answers(Session(engine, record=True)), encoding="utf-8")
    print(f"Wrote {FILE.name}")
    return 0
