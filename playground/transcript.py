"""What one run was given and has made, and the same as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from playground.engine import Beams, Event, Finished
from playground.models.answers import Answer
from playground.settings import GenerationSettings

SCHEMA = "mistral-playground/run/1"
MAX_TOKENS = 200_000
MAX_CHARACTERS = 2_000_000


@dataclass(kw_only=True)
class Transcript(Answer):
    """What one run was given and has made so far.

    `prompt_text` is the exact prompt that the model reads, chat template and all;
    `seed` is the one in use. Of `token_ids` the first `answered` were there before, and
    of `text` what is in `text_before`: the run went on from them. `finished` is its
    end, None while it goes on.
    """

    settings: GenerationSettings
    seed: int
    prompt_text: str = ""
    prompt_token_ids: tuple[int, ...] = ()
    answered: int = 0
    text_before: str = ""
    finished: Finished | None = None

    def add(self, event: Event) -> None:
        """Keep what `event` brings."""
        before = self.token_ids[: self.answered]
        super().add(event)
        match event:
            case Beams():  # they bring the whole new text each time
                self.token_ids = before + self.token_ids
                self.text = self.text_before + self.text
            case Finished():
                self.finished = event

    @property
    def shown_text(self) -> str:
        """The new text, with the stop string behind it if that is to be kept."""
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
            "settings": replace(self.settings, seed=self.seed).to_json(),
            "prompt_text": self.prompt_text,
            "prompt_token_ids": list(self.prompt_token_ids),
            "answered": self.answered,
            "token_ids": list(self.token_ids),
            "text": self.text,
            "finish_reason": end.reason if end else None,
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
        settings = GenerationSettings.from_json(_checked(known, "settings", dict))
        if settings.seed is None:
            raise ValueError("A run says which seed it used; this one has none.")
        token_ids = _ids(known, "token_ids")
        answered = _checked(known, "answered", int)
        if not 0 <= answered <= len(token_ids):
            raise ValueError(
                f"`answered` must be from 0 to {len(token_ids)}, got {answered}."
            )
        run = cls(
            settings=settings,
            seed=settings.seed,
            prompt_text=_checked(known, "prompt_text", str),
            prompt_token_ids=tuple(_ids(known, "prompt_token_ids")),
            answered=answered,
            token_ids=token_ids,
            text=_checked(known, "text", str),
            stop_string=_checked(known, "stop_string", str),
        )
        run.finished = _finished(known)
        return run


def check_schema(values: Any, noun: str, schema: str) -> None:
    """Raises ValueError unless `values` are an object that says it has this schema."""
    got = values.get("schema") if isinstance(values, Mapping) else values
    if not isinstance(values, Mapping) or got != schema:
        raise ValueError(f"{noun} has the schema {schema!r}, got {got!r:.80}.")


_EMPTY: dict[str, Any] = {
    "settings": {},
    "prompt_text": "",
    "prompt_token_ids": [],
    "answered": 0,
    "token_ids": [],
    "text": "",
    "finish_reason": None,
    "stopped_by": [],
    "stop_string": "",
}
_REASONS = ("stop", "length", "time", "cancelled", "error")


def _checked(values: Mapping[str, Any], name: str, kind: type) -> Any:
    value = values[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"`{name}` must be {kind.__name__}, got {value!r:.80}.")
    if isinstance(value, str) and len(value) > MAX_CHARACTERS:
        raise ValueError(
            f"`{name}` may have {MAX_CHARACTERS:,} characters, got {len(value):,}."
        )
    return value


def _ids(values: Mapping[str, Any], name: str) -> list[int]:
    ids: list[int] = _checked(values, name, list)
    if len(ids) > MAX_TOKENS:
        raise ValueError(f"`{name}` may have {MAX_TOKENS:,} ids, got {len(ids):,}.")
    bad = [i for i in ids if type(i) is not int or not 0 <= i < 2**31]
    if bad:
        raise ValueError(f"`{name}` must be token ids, got {bad[0]!r:.80}.")
    return ids


def _finished(values: Mapping[str, Any]) -> Finished | None:
    reason = values["finish_reason"]
    if reason is None:
        return None
    if reason not in _REASONS:
        raise ValueError(f"`finish_reason` must be one of {_REASONS}, got {reason!r}.")
    return Finished(
        reason=reason,
        stopped_by=tuple(_ids(values, "stopped_by")),
        stop_string=values["stop_string"],
    )
