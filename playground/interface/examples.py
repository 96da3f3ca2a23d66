"""Answers that are stored with the page, to look at before any model is loaded."""

import copy
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from playground.interface.form import Example
from playground.presets import DEFAULT_PRESET
from playground.system.asset_folder import asset_folder
from playground.transcript import Transcript

SMALL = "shakespeare_mistral"
FILE = asset_folder() / "examples.json"
PRESETS = {DEFAULT_PRESET: FILE, SMALL: asset_folder() / f"examples_{SMALL}.json"}
"""The models that have written answers, and where these are."""
SEED, MAX_NEW_TOKENS = 1, 80


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """An answer to one of a model's examples, and how it is drawn (`spans_value`)."""

    run: Transcript
    spans: dict[str, Any]

    def copy_of_run(self) -> Transcript:
        """Its own for each session, as a session's runs grow."""
        return copy.deepcopy(self.run)


@cache
def stored_answers(preset: str = DEFAULT_PRESET) -> tuple[StoredAnswer, ...]:
    """One for each of the preset's examples, in their order."""
    stored = json.loads(PRESETS[preset].read_text(encoding="utf-8"))
    return tuple(
        StoredAnswer(run=Transcript.from_json(each["run"]), spans=each["spans"])
        for each in stored["answers"]
    )


def stored_answer(preset: str, example: Example) -> StoredAnswer | None:
    """What this model has written to an example; None if that is not stored."""
    stored = stored_answers(preset) if preset in PRESETS else ()
    return next((each for each in stored if each.run.prompt == example.prompt), None)
