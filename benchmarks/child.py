"""A contender's process: `python -m benchmarks.child NAME WEIGHTS PRECISION`.

Reads questions and writes answers, a line of JSON each:

    {"measure": "prefill", "arguments": {"task": {...}}}
    {"figures": {"tokens_per_second": 512.3}}

or {"error": "what went wrong"}, or {"not_applicable": true}.
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from benchmarks.contender import Contender, NotApplicable
from benchmarks.measures import MEASURES
from benchmarks.task import read_task


def main(name: str, weights: str, precision: str) -> None:
    """Answer until there are no more questions."""
    answers = _private_output()
    module = import_module(f"benchmarks.contenders.{name}")
    contender: Contender = module.make(Path(weights), precision)
    for line in sys.stdin:
        print(
            json.dumps(_answer(contender, json.loads(line))), file=answers, flush=True
        )
    os._exit(0)  # no farewells of threads and libraries


def _private_output() -> TextIO:
    """Standard output for the answers alone: what libraries print goes to the log."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _answer(contender: Contender, question: dict[str, Any]) -> dict[str, Any]:
    arguments = {
        name: read_task(value) if isinstance(value, dict) else value
        for name, value in question["arguments"].items()
    }
    try:
        return {"figures": MEASURES[question["measure"]](contender, **arguments)}
    except NotApplicable:
        return {"not_applicable": True}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main(*sys.argv[1:])
