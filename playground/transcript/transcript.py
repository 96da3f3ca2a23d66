"""What one run was given and has made, and the same as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from playground.engine import Beams, Event, Finished
from playground.models.answers import Answer, pieces_of
from playground.settings import GenerationSettings
from playground.tokenizers import Tokenizer
from playground.transcript.checked import check_schema, checked, token_ids
from playground.transcript.model_facts import ModelFacts
from playground.transcript.records import records_from_json, records_to_json

SCHEMA = "mistral-playground/run/1"
MAX_MESSAGE = 10_000
_MOST_EARLIER = 2**30
"""Draws are numbered on from them, in 32 bits."""


@dataclass(kw_only=True)
class Transcript(Answer):
    """What one run was given and has made so far.

    `prompt` is what the person typed, `prompt_text` the exact prompt that the model
    reads, chat template and all; `seed` is the one in use. Of `token_ids` the first
    `answered` were there before, and of `text` what is in `text_before`: the run went
    on from them. Prompt and answer tokens are those that the model read: when a text
    that goes on is shortened, they lose its beginning, and the text of answer tokens
    that were left out is `earlier_text`, before `text`, and `earlier_tokens` is their
    number. `records` has one entry for each of `token_ids`, None where nothing was
    recorded; those in front that are not given are None. `pieces` too has one for each,
    or none at all where they were not written here. `finished` is the run's end, None
    while it goes on. `model` is None where nobody said which it was.
    """

    settings: GenerationSettings
    seed: int
    model: ModelFacts | None = None
    prompt: str = ""
    prompt_text: str = ""
    prompt_token_ids: tuple[int, ...] = ()
    answered: int = 0
    text_before: str = ""
    earlier_text: str = ""
    earlier_tokens: int = 0
    finished: Finished | None = None

    def __post_init__(self) -> None:
        missing = len(self.token_ids) - len(self.records)
        self.records[:0] = [None] * missing

    def add(self, event: Event) -> None:
        """Keep what `event` brings."""
        if isinstance(event, Beams):  # they bring the whole new text each time
            kept = slice(self.answered)
            pieces, ids = self.pieces[kept], self.token_ids[kept]
            records = self.records[kept]
            super().add(event)
            self.pieces = pieces + self.pieces
            self.records = records + self.records
            self.token_ids = ids + self.token_ids
            self.text = self.text_before + self.text
            return
        super().add(event)
        if isinstance(event, Finished):
            self.finished = event

    def pieces_by(self, tokenizer: Tokenizer) -> list[str]:
        """Each token's own part of the text; found out once if it was not written here.

        Parts of the stop string are among them, and a character that several tokens
        spell stands with the one that completes it.
        """
        if len(self.pieces) < len(self.token_ids):
            prompt = self.prompt_token_ids
            self.pieces = pieces_of(self.token_ids, tokenizer, prompt)
        return self.pieces

    @property
    def shown_text(self) -> str:
        """The answer as it is shown: what is no longer read is a part of it."""
        return self.earlier_text + self.text_of_tokens

    @property
    def text_of_tokens(self) -> str:
        """The text of `token_ids`, with the stop string after it if that is kept."""
        keeps = self.settings.keep_stop_string
        return self.text + (self.stop_string if keeps else "")

    @property
    def whole_text(self) -> str:
        """The shown text, behind the prompt unless that is to be stripped."""
        before = "" if self.settings.strip_prompt else self.prompt_text
        return before + self.shown_text

    def to_json(self) -> dict[str, Any]:
        """The run as plain values; `from_json` makes the same run of them."""
        end = self.finished
        return {
            "schema": SCHEMA,
            "model": self.model.to_json() if self.model else None,
            "settings": replace(self.settings, seed=self.seed).to_json(),
            "prompt": self.prompt,
            "prompt_text": self.prompt_text,
            "prompt_token_ids": list(self.prompt_token_ids),
            "answered": self.answered,
            "token_ids": list(self.token_ids),
            "records": records_to_json(self.records) if any(self.records) else None,
            "text": self.text,
            "earlier_text": self.earlier_text,
            "earlier_tokens": self.earlier_tokens,
            "finish_reason": end.reason if end else None,
            **({"message": end.message} if end and end.message else {}),
            "stopped_by": list(end.stopped_by) if end else [],
            "stop_string": self.stop_string,
        }

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """A run from `to_json`'s values, which may come from anywhere.

        Raises ValueError that says what is wrong with them.
        """
        check_schema(values, "A run", SCHEMA)
        known = {**_EMPTY, **values}
        settings = GenerationSettings.from_json(checked(known, "settings", dict))
        if settings.seed is None:
            raise ValueError("A run says which seed it used; this one has none.")
        ids = token_ids(known, "token_ids")
        answered = checked(known, "answered", int)
        if not 0 <= answered <= len(ids):
            raise ValueError(
                f"`answered` must be from 0 to {len(ids)}, got {answered}."
            )
        earlier = checked(known, "earlier_tokens", int)
        if not 0 <= earlier <= _MOST_EARLIER:
            raise ValueError(
                f"`earlier_tokens` must be from 0 to {_MOST_EARLIER}, got {earlier}."
            )
        model, records = known["model"], known["records"]
        return cls(
            settings=settings,
            seed=settings.seed,
            model=None if model is None else ModelFacts.from_json(model),
            prompt=checked(known, "prompt", str),
            prompt_text=checked(known, "prompt_text", str),
            prompt_token_ids=tuple(token_ids(known, "prompt_token_ids")),
            answered=answered,
            token_ids=ids,
            records=[] if records is None else records_from_json(records, len(ids)),
            text=checked(known, "text", str),
            earlier_text=checked(known, "earlier_text", str),
            earlier_tokens=earlier,
            stop_string=checked(known, "stop_string", str),
            finished=_finished(known),
        )


_EMPTY: dict[str, Any] = {
    "model": None,
    "settings": {},
    "prompt": "",
    "prompt_text": "",
    "prompt_token_ids": [],
    "answered": 0,
    "token_ids": [],
    "records": None,  # nothing was recorded
    "text": "",
    "earlier_text": "",
    "earlier_tokens": 0,
    "finish_reason": None,
    "message": "",
    "stopped_by": [],
    "stop_string": "",
}
_REASONS = ("stop", "length", "time", "cancelled", "error")


def _finished(values: Mapping[str, Any]) -> Finished | None:
    reason = values["finish_reason"]
    if reason is None:
        return None
    if reason not in _REASONS:
        raise ValueError(
            f"`finish_reason` must be one of {_REASONS}, got {reason!r:.80}."
        )
    return Finished(
        reason=reason,
        stopped_by=tuple(token_ids(values, "stopped_by")),
        stop_string=values["stop_string"],
        message=checked(values, "message", str, most=MAX_MESSAGE),
    )
