"""The same run once more: does this machine give the same tokens?"""

from dataclasses import dataclass, replace

from playground.models import MistralCausalLM
from playground.models.answers import text_so_far
from playground.models.prompting import wanted_by
from playground.settings import GenerationSettings
from playground.transcript import Transcript

_ENDS_BY_ITSELF = ("stop", "length")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where a run and its replay part: at token `position` of the answer, from 0.

    The ids that each has there, None where it has ended.
    """

    position: int
    token_id: int | None
    replayed_token_id: int | None

    def words(self) -> str:
        return (
            f"The first {self.position} tokens are the same. Then came "
            f"{_named(self.token_id)}, and now {_named(self.replayed_token_id)}."
        )


def _named(token_id: int | None) -> str:
    return "the end" if token_id is None else f"token {token_id}"


def first_difference(run: Transcript, replayed: Transcript) -> Difference | None:
    """Where the answers' tokens differ first; None if they never do.

    What a replay writes after the end of an interrupted run is no difference.
    """
    ids, other_ids = run.token_ids, replayed.token_ids
    if is_interrupted(run):
        other_ids = other_ids[: len(ids)]
    for position in range(max(len(ids), len(other_ids))):
        here, there = ids[position : position + 1], other_ids[position : position + 1]
        if here != there:
            return Difference(
                position=position,
                token_id=next(iter(here), None),
                replayed_token_id=next(iter(there), None),
            )
    return None


def is_interrupted(run: Transcript) -> bool:
    """Whether a user, a clock or an error ended it, or nothing yet.

    A user did so too by replacing a token with one that completes a stop.
    """
    if run.finished is None or run.finished.reason not in _ENDS_BY_ITSELF:
        return True
    return run.finished.reason == "stop" and len(run.token_ids) == run.answered


def settings_to_replay(run: Transcript) -> GenerationSettings:
    """The run's settings with its seed; an interrupted one ends where it did."""
    settings = replace(run.settings, seed=run.seed)
    if not is_interrupted(run):
        return settings
    written = max(1, len(run.token_ids) - run.answered)
    return replace(settings, max_new_tokens=written, max_length=None)


def beginning(run: Transcript) -> Transcript:
    """The run as it was before its first new token, ready to be run again."""
    return Transcript(
        settings=settings_to_replay(run),
        seed=run.seed,
        prompt=run.prompt,
        prompt_text=run.prompt_text,
        prompt_token_ids=run.prompt_token_ids,
        answered=run.answered,
        earlier_text=run.earlier_text,
        earlier_tokens=run.earlier_tokens,
        token_ids=run.token_ids[: run.answered],
        records=run.records[: run.answered],
    )


def replay(run: Transcript, model: MistralCausalLM) -> Transcript:
    """The run once more on `model`, which nothing else may use meanwhile.

    Raises ValueError for what the model does not have: a token, a window so wide.
    """
    again, tokenizer = beginning(run), model.text_preprocessor.tokenizer
    events = model.stream(
        again.prompt_token_ids,
        seed=again.seed,
        answer_ids=tuple(again.token_ids),
        earlier_tokens=again.earlier_tokens,
        record=True,
        **wanted_by(again.settings, tokenizer),
    )
    again.pieces_by(tokenizer)  # the new tokens' follow them
    again.text = again.text_before = text_so_far(
        again.token_ids,
        tokenizer,
        again.prompt_token_ids,
        again.settings.stop_strings,
    )
    for event in events:
        again.add(event)
    return again
