"""A run or a whole tree of runs as a file, and back."""

import json
from typing import Any, NoReturn

from playground.transcript import SCHEMA as RUN_SCHEMA
from playground.transcript import Transcript
from playground.transcript.answer_tree import SCHEMA as TREE_SCHEMA
from playground.transcript.answer_tree import AnswerTree

MAX_BYTES = 16 * 1024 * 1024
"""Of a file that is read: some 25,000 tokens with their records."""


def to_file(what: Transcript | AnswerTree) -> bytes:
    """JSON in UTF-8, whose `schema` says which of the two it is.

    Raises ValueError for more than MAX_BYTES, which `read_file` would refuse.
    """
    text = json.dumps(
        what.to_json(), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    _check_size(data := text.encode())
    return data


def read_file(data: bytes) -> Transcript | AnswerTree:
    """The run or the tree in a file, which may come from anywhere.

    Raises ValueError that says, in words fit to show, what is wrong with it.
    """
    _check_size(data)
    try:
        values = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
        return _read(values)
    except UnicodeDecodeError:
        raise ValueError(
            "This file is not text in UTF-8. Choose a run that was saved here (.json)."
        ) from None
    except json.JSONDecodeError as fault:
        raise ValueError(
            f"This file is not JSON: {fault}. Choose a run that was saved here (.json)."
        ) from None
    except RecursionError:
        raise ValueError("This file is nested too deeply to be a run.") from None


def _read(values: Any) -> Transcript | AnswerTree:
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema == TREE_SCHEMA:
        return AnswerTree.from_json(values)
    if schema == RUN_SCHEMA:
        return Transcript.from_json(values)
    raise ValueError(
        f"Expected a file with the schema {RUN_SCHEMA!r} or {TREE_SCHEMA!r}, got "
        f"{schema!r:.80}. Was it saved here, and by no newer version?"
    )


def _check_size(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise ValueError(
            f"The file has {len(data) / 1e6:.0f} MB, and at most "
            f"{MAX_BYTES / 1e6:.0f} MB are read. Save single runs, not all together."
        )


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"A run's file has finite numbers only, got {constant}.")
