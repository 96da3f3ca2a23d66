"""The command line: `mistral-playground COMMAND`, or `python -m playground COMMAND`.

Packages are imported only where they are used, so Ctrl-C ends in words from the start.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from playground.system.interrupts import INTERRUPTED, watch_interrupts
from playground.system.threads import leave


def command() -> NoReturn:
    """Run the command line's command and end the process; 130 after Ctrl-C."""
    interrupted = watch_interrupts()
    try:
        status = main()
    except BaseException:
        if not interrupted():
            raise
        print(file=sys.stderr)
        status = INTERRUPTED
    leave(INTERRUPTED if interrupted() else status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status: 0, 1 for a failed run, 2 for bad input."""
    from playground.interface import console

    console.write_any_text()
    try:
        status = _run(parser().parse_args(arguments))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of our output left, as `head` does
        console.drop_output()
        return 0


def _run(options: argparse.Namespace) -> int:
    from playground.presets import LoadError

    try:
        return int(options.run(options))
    except LoadError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    except ValueError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """What reads the command line."""
    from playground.commands import (
        convert,
        evaluate,
        generate,
        models,
        train,
    )

    is_module = Path(sys.argv[0]).name == "__main__.py"
    name = "python -m playground" if is_module else "mistral-playground"
    whole = argparse.ArgumentParser(prog=name)
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    _add_page(commands)
    for command in (
        generate,
        models,
        convert,
        train,
        evaluate,
    ):
        command.add_parser(commands)
    return whole


# The page stands here and not in `commands`, which do not know it.
def _add_page(commands: Any) -> None:
    words = "start the page; more variables than these two are in the README"
    page = commands.add_parser("page", help=words)
    page.set_defaults(run=_page)
    page.add_argument(
        "--preset", metavar="NAME_OR_PATH", help="instead of PLAYGROUND_PRESET"
    )
    page.add_argument("--port", metavar="N", help="instead of GRADIO_SERVER_PORT")


def _page(options: argparse.Namespace) -> int:
    chosen = {
        "PLAYGROUND_PRESET": options.preset,
        "GRADIO_SERVER_PORT": options.port,
    }
    from playground.interface import self_check

    os.environ |= {name: text for name, text in chosen.items() if text is not None}
    self_check.check_start()
    try:
        from playground.web.program import Program
    except ModuleNotFoundError as missing:
        if missing.name != "gradio":
            raise
        print(f"error: {missing}", file=sys.stderr)
        return 1
    program = Program.from_environment()
    engine = program.start(program.preset)
    program.serve(program.build(engine), engine)


if __name__ == "__main__":
    command()
