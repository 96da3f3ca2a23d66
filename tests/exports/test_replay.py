"""Replay: the same tokens again, or where they part."""

from dataclasses import replace
from typing import Any

import pytest

from playground.engine import Finished
from playground.exports import (
    beginning,
    first_difference,
    read_file,
    replay,
    to_file,
)
from playground.models import MistralCausalLM
from playground.session import Session
from playground.transcript import Transcript
from tests.exports.conftest import PROMPT, Write, latest, settings
from tests.test_transcript import run

LENGTH, CANCELLED = Finished(reason="length"), Finished(reason="cancelled")


def through_a_file(written: Transcript) -> Transcript:
    again = read_file(to_file(written))
    assert isinstance(again, Transcript)
    return again


@pytest.mark.parametrize(
    "changes",
    [
        {"sampler": "top_p", "sliding_window": 5},
        {"sampler": "chain", "xtc_probability": 0.5, "ban_end_token": True},
        {"sampler": "greedy", "max_new_tokens": None, "max_length": 25},
        {"sampler": "random", "shorten_prompt": True}
        | {"max_new_tokens": None, "max_length": 14},
    ],
)
def test_a_run_from_a_file_gives_the_same_tokens_and_records(
    write: Write, model: MistralCausalLM, changes: dict[str, Any]
) -> None:
    written = write(**changes)
    again = replay(through_a_file(written), model)
    assert first_difference(written, again) is None
    assert again.text == written.text
    assert again.records == written.records


def test_the_models_own_sampler_stays(write: Write, model: MistralCausalLM) -> None:
    before = model.sampler
    replay(write(sampler="random"), model)
    assert model.sampler is before


def test_an_answer_that_went_on_is_replayed_from_there(
    write: Write, session: Session, model: MistralCausalLM
) -> None:
    write(sampler="random")
    *_, end = session.go_on(position=5, token_id=40)
    written = latest(session, model, end)
    again = replay(through_a_file(written), model)
    assert first_difference(written, again) is None
    assert again.text == written.text
    assert again.answered == 6


def test_other_weights_part_somewhere(write: Write, model: MistralCausalLM) -> None:
    written = write(sampler="random")
    other = replace(written, seed=8)
    parted = first_difference(written, replay(other, model))
    assert parted is not None
    assert parted.token_id == written.token_ids[parted.position]
    assert parted.token_id != parted.replayed_token_id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prompt_token_ids": (5, 10**6)}, "Was it written by another model"),
        ({"token_ids": [40, 10**6], "answered": 2}, "by another model"),
        ({"settings": settings(sliding_window=8)}, "window must be from 1 to"),
        ({"settings": settings(banned_tokens=(10**6,))}, "must be in the vocabulary"),
    ],
)
def test_a_run_of_another_model_is_refused_in_words(
    model: MistralCausalLM, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        replay(run(**change), model)


@pytest.mark.parametrize(
    ("ids", "end", "replayed", "expected"),
    [
        ([1, 2], LENGTH, [1, 2], None),
        ([], LENGTH, [], None),
        ([1, 2], LENGTH, [1, 3], (1, 2, 3)),
        ([1, 2], LENGTH, [1], (1, 2, None)),
        ([1, 2], LENGTH, [1, 2, 3], (2, None, 3)),
        ([1, 2], CANCELLED, [1, 2, 3], None),
        ([1, 2], None, [1, 2, 3], None),
        ([1, 2], CANCELLED, [2, 2, 3], (0, 1, 2)),
    ],
)
def test_where_two_answers_part(
    ids: list[int], end: Finished | None, replayed: list[int], expected: Any
) -> None:
    parted = first_difference(
        run(token_ids=ids, finished=end), run(token_ids=replayed, finished=LENGTH)
    )
    found = parted and (parted.position, parted.token_id, parted.replayed_token_id)
    assert found == expected


def test_the_difference_in_words() -> None:
    parted = first_difference(run(token_ids=[1, 2]), run(token_ids=[1]))
    assert parted is not None
    assert parted.words() == (
        "The first 1 tokens are the same. Then came token 2, and now the end."
    )


def test_an_interrupted_run_is_cut_where_it_was(session: Session) -> None:
    for event in session.generate(PROMPT, settings(max_new_tokens=200)):
        if getattr(event, "index", 0) == 3:
            session.stop()
    assert session.transcript is not None
    cut = beginning(session.transcript).settings
    assert cut.max_new_tokens == len(session.transcript.token_ids) < 200
    kept = beginning(run(finished=LENGTH)).settings
    assert kept.max_new_tokens == 4
