"""Continuing an answer, and branching off it: on a small model, through a session."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from playground.engine import Engine, Event, Finished, Step
from playground.models import MistralCausalLM, MistralCausalLMPreprocessor
from playground.session import Session
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from tests.conftest import tiny_model

RANDOM = GenerationSettings(
    sampler="random",
    temperature=1.5,
    max_new_tokens=12,
    stop_token_ids=None,
    chat=False,
    seed=3,
)


@pytest.fixture(scope="module")
def small(
    preprocessor: MistralCausalLMPreprocessor,
) -> Iterator[Engine[MistralCausalLM]]:
    vocabulary_size = preprocessor.tokenizer.vocabulary_size()
    backbone = tiny_model(num_layers=1, vocabulary_size=vocabulary_size).backbone
    model = MistralCausalLM(backbone, preprocessor)
    engine = Engine(lambda *_: model, warm_length=0)
    assert engine.wait(60).phase == "ready"
    yield engine
    engine.close()


@pytest.fixture
def session(small: Engine[MistralCausalLM]) -> Session:
    return Session(small)


def finish(events: Iterator[Event]) -> Finished:
    *_, end = events
    assert isinstance(end, Finished)
    assert end.reason != "error", end.message
    return end


def latest(session: Session) -> Transcript:
    assert session.transcript is not None
    return session.transcript


@pytest.mark.parametrize("sampler", ["random", "greedy", "top_k", "top_p"])
def test_two_halves_are_the_whole(session: Session, sampler: str) -> None:
    half = replace(RANDOM, sampler=sampler)
    finish(session.generate("the sea is", replace(half, max_new_tokens=24)))
    whole = latest(session)
    finish(session.generate("the sea is", half))
    first = latest(session)
    end = finish(session.go_on())
    second = latest(session)
    assert second.token_ids == whole.token_ids
    assert second.text == whole.text
    assert second.answered == 12
    assert end.reused_tokens > 0  # what was read is not read again
    assert len(first.token_ids) == 12  # untouched


@pytest.mark.parametrize("cut", [1, 5, 9, 13])
def test_penalties_draws_and_stops_look_over_the_border(
    session: Session, cut: int
) -> None:
    """Of a real model, whose next tokens depend on all of these."""
    wanted = replace(
        RANDOM,
        sampler="chain",
        max_new_tokens=24,
        repetition_penalty=1.4,
        frequency_penalty=0.3,
        dry_multiplier=2.0,
        dry_allowed_length=1,
    )
    finish(session.generate("the sea is", wanted))
    text = latest(session).text
    wanted = replace(wanted, stop_strings=(text[-5:-2],))
    end = finish(session.generate("the sea is", wanted))
    whole = latest(session)
    finish(session.generate("the sea is", replace(wanted, max_new_tokens=cut)))
    again = finish(session.go_on(replace(wanted, max_new_tokens=24 - cut)))
    assert latest(session).token_ids == whole.token_ids
    assert latest(session).text == whole.text
    assert end.reason == again.reason == "stop"
    assert (again.stopped_by, again.stop_string) == (end.stopped_by, end.stop_string)


def test_every_cut_goes_on_to_the_same_end(session: Session) -> None:
    """Also between the bytes of a character, of which random tokens make many."""
    finish(session.generate("the sea is", replace(RANDOM, max_new_tokens=24)))
    whole, number = latest(session), session.version
    assert number is not None
    for position in range(0, 24, 3):
        left = replace(RANDOM, max_new_tokens=24 - position)
        finish(session.go_on(left, number=number.number, position=position))
        assert latest(session).token_ids == whole.token_ids
        assert latest(session).text == whole.text
    assert len(session.tree.children(number.number)) == 8


def test_another_token_makes_another_answer(session: Session) -> None:
    finish(session.generate("the sea is", RANDOM))
    old = latest(session)
    other = (old.token_ids[4] + 1) % 300
    events = list(session.go_on(position=4, token_id=other))
    new = latest(session)
    assert new.token_ids[:5] == [*old.token_ids[:4], other]
    assert len(new.token_ids) == 5 + 12
    assert [e.index for e in events if isinstance(e, Step)] == list(range(12))
    finish(session.go_on(number=0, position=4, token_id=other))
    assert latest(session).token_ids == new.token_ids
    assert [v.number for v in session.tree.versions_of(2)] == [1, 2]
    assert [v.number for v in session.tree.path(2)] == [0, 2]


def test_going_on_decodes_nothing_that_was_decoded(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(session.generate("the sea is", replace(RANDOM, max_new_tokens=100)))
    tokenizer = session.engine.model.text_preprocessor.tokenizer
    decoded, decode = list[int](), tokenizer.token_bytes

    def counted(token_id: int, **start: bool) -> bytes:
        decoded.append(token_id)
        return decode(token_id, **start)

    monkeypatch.setattr(tokenizer, "token_bytes", counted)
    finish(session.go_on(replace(RANDOM, max_new_tokens=2)))
    assert len(latest(session).token_ids) == 102
    assert len(decoded) < 30


def test_a_stop_over_the_border_is_found(session: Session) -> None:
    finish(session.generate("the sea is", RANDOM))
    ids = latest(session).token_ids
    settings = replace(RANDOM, stop_token_ids=(ids[4],))
    end = finish(session.go_on(settings, position=4))
    assert (end.reason, end.stopped_by) == ("stop", (ids[4],))


def test_it_goes_on_behind_a_stop_string(session: Session) -> None:
    finish(session.generate("the sea is", RANDOM))
    whole = latest(session).text
    stop = whole[3:5]
    stopping = replace(RANDOM, stop_strings=(stop,))
    end = finish(session.generate("the sea is", stopping))
    assert end.stop_string == stop
    stopped = latest(session)
    assert stopped.text == whole[: whole.index(stop)]
    finish(session.go_on())
    assert latest(session).text.startswith(stopped.text + stop)
    assert len(latest(session).token_ids) > len(stopped.token_ids)


def test_what_is_not_there_is_refused_and_nothing_is_lost(session: Session) -> None:
    with pytest.raises(ValueError, match="no answer yet to go on from"):
        session.go_on()
    finish(session.generate("the sea is", RANDOM))
    for place in ({"number": 1}, {"position": 13}, {"position": -1}):
        with pytest.raises(ValueError, match="got"):
            session.go_on(**place)
    with pytest.raises(ValueError, match="The text has token 300,000"):
        session.go_on(position=1, token_id=300_000)
    assert len(session.tree.versions) == 1
    assert len(latest(session).token_ids) == 12
