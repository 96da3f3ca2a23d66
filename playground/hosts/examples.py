"""Answers that are stored with the page, to look at before any model is loaded."""

import copy
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from playground.asset_folder import asset_folder
from playground.hosts.form import EXAMPLES
from playground.hosts.spans import spans_value
from playground.session import Session
from playground.settings import GenerationSettings
from playground.transcript import Transcript

FILE = asset_folder() / "examples.json"
SEED, MAX_NEW_TOKENS = 1, 80


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """An answer to one of EXAMPLES, and how it is drawn (`spans_value`)."""

    run: Transcript
    spans: dict[str, Any]

    def copy_of_run(self) -> Transcript:
        """Its own for each session, as a session's runs grow."""
        return copy.deepcopy(self.run)


@cache
def stored_answers() -> tuple[StoredAnswer, ...]:
    """One for each of EXAMPLES, in their order."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    return tuple(
        StoredAnswer(run=Transcript.from_json(each["run"]), spans=each["spans"])
        for each in stored
    )


def write_answers(session: Session) -> str:
    """The file's text, from runs on the session's model."""
    stored = []
    for example in EXAMPLES:
        settings = GenerationSettings(
            chat=example.chat, seed=SEED, max_new_tokens=MAX_NEW_TOKENS
        )
        list(session.generate(example.prompt, settings))
        run = session.transcript
        assert run is not None
        stored.append({"run": run.to_json(), "spans": spans_value(session, live=False)})
    return json.dumps(stored, ensure_ascii=False, separators=(",", ":")) + "\n"
