"""A run that ends at a text, wherever its tokens begin and end."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.engine import Beam, Beams, Event, Finished, Step, Timings
from playground.models import MistralCausalLM, MistralCausalLMPreprocessor
from playground.models.answers import (
    NewText,
    answer_of,
    text_of,
    with_text,
)
from playground.models.text_stops import TextStops
from playground.samplers import BeamSampler, ContrastiveSampler, GreedySampler
from tests.conftest import tiny_model

TEXT = "the sea is wide the sky is wider"
Searched = tuple[list[Beams], str, Finished]


@pytest.fixture
def ids(preprocessor: MistralCausalLMPreprocessor) -> list[int]:
    return list(preprocessor.tokenizer.tokenize(TEXT))


@pytest.fixture(scope="module")
def reader(preprocessor: MistralCausalLMPreprocessor) -> MistralCausalLM:
    """One for all tests here, which change no weight: its programs are built once."""
    vocabulary_size = preprocessor.tokenizer.vocabulary_size()
    backbone = tiny_model(num_layers=1, vocabulary_size=vocabulary_size).backbone
    return MistralCausalLM(backbone, preprocessor)


class Run:
    """A scripted run that can be ended, as the engine's: one step later."""

    def __init__(self, ids: list[int]) -> None:
        self.ids, self.ended, self.given = ids, False, 0

    def end(self) -> None:
        self.ended = True

    def __iter__(self) -> Iterator[Event]:
        for index, token_id in enumerate(self.ids):
            yield Step(token_id=token_id, index=index, tokens_per_second=1.0)
            self.given += 1
            if self.ended:
                yield Finished(reason="cancelled", timings=Timings(decode=2.0))
                return
        yield Finished(reason="length", timings=Timings(decode=2.0))


def read(
    preprocessor: MistralCausalLMPreprocessor, run: Run, *stops: str
) -> tuple[list[Event], Finished]:
    events = list(with_text(run, preprocessor.tokenizer, (), stops, run.end))
    assert isinstance(events[-1], Finished)
    return events, events[-1]


@pytest.mark.parametrize("stop", ["wide", "a is wide the", " s", "er", "ea is"])
def test_the_text_ends_before_the_stop_and_the_run_right_after_it(
    preprocessor: MistralCausalLMPreprocessor, ids: list[int], stop: str
) -> None:
    run = Run(ids)
    events, end = read(preprocessor, run, stop, "not in it")
    answer = answer_of(events)
    assert answer.text == TEXT[: TEXT.index(stop)]
    assert answer.stop_string == end.stop_string == stop
    assert end.reason == "stop"
    assert end.timings.decode == 2.0
    pieces = "".join(map(preprocessor.tokenizer.id_to_token, end.stopped_by))
    assert stop in pieces.replace("▁", " ")
    before = ids[: len(answer.token_ids) - 1]
    assert stop not in preprocessor.tokenizer.detokenize(before)
    assert run.given == len(answer.token_ids)


def test_without_the_stop_everything_comes_and_the_reason_stays(
    preprocessor: MistralCausalLMPreprocessor, ids: list[int]
) -> None:
    events, end = read(preprocessor, Run(ids), "widest")  # held back at "wide", let go
    assert answer_of(events).text == TEXT
    assert (end.reason, end.stop_string, end.stopped_by) == ("length", "", ())


def test_a_stop_that_the_last_token_completes_is_a_stop(
    preprocessor: MistralCausalLMPreprocessor, ids: list[int]
) -> None:
    events, end = read(preprocessor, Run(ids), "wider")
    assert (end.reason, end.stop_string) == ("stop", "wider")
    assert "".join(answer_of(events).pieces) == TEXT


def test_the_text_of_a_search_ends_before_the_stop_of_its_best_text(
    preprocessor: MistralCausalLMPreprocessor, ids: list[int]
) -> None:
    class Search(Run):
        def __iter__(self) -> Iterator[Event]:
            for index in range(len(ids)):
                best = Beam(tuple(ids[: index + 1]))
                yield Beams(index=index, beams=(best,), pruned=(), tokens_per_second=1)
                if self.ended:
                    break
            yield Finished(reason="cancelled")

    events, end = read(preprocessor, Search(ids), "wide")
    answer = answer_of(events)
    assert answer.text == "the sea is "
    assert "".join(answer.pieces) == "the sea is wide"
    assert len(answer.pieces) == len(answer.token_ids)
    assert (end.reason, end.stop_string) == ("stop", "wide")


@pytest.mark.parametrize("sampler", [GreedySampler(), BeamSampler(2)])
def test_a_real_run_ends_there_too(
    reader: MistralCausalLM, sampler: GreedySampler | BeamSampler
) -> None:
    reader.compile(sampler=sampler)
    stream = reader.stream("the sea", stop_token_ids=None, max_new_tokens=30)
    whole = answer_of(stream).text
    stop = whole[len(whole) // 2 :][:2]
    *_, end = events = list(
        reader.stream(
            "the sea", stop_token_ids=None, max_new_tokens=30, stop_strings=[stop]
        )
    )
    assert isinstance(end, Finished)
    assert end == replace(end, reason="stop", stop_string=stop)
    if isinstance(sampler, GreedySampler):  # beams may have changed their mind since
        assert answer_of(events).text == whole[: whole.index(stop)]
    assert stop not in answer_of(events).text


def search(reader: MistralCausalLM, *, all_beams: bool, **stops: Any) -> Searched:
    """The steps of a beam search, what it made of them, and its end."""
    sampler = BeamSampler(4, return_all_beams=all_beams, temperature=4.0)
    wanted: dict[str, Any] = {"stop_token_ids": None, **stops}
    *events, end = reader.stream("the", max_new_tokens=9, sampler=sampler, **wanted)
    assert isinstance(end, Finished)
    steps = [event for event in events if isinstance(event, Beams)]
    return steps, answer_of([*events, end]).text, end


def byte_tokens(steps: list[Beams]) -> list[int]:
    """Tokens for a byte that no other token of this vocabulary spells."""
    written = {beam.token_ids[-1] for step in steps for beam in step.beams}
    return sorted(n for n in written if chr(n - 3) in "ABCDEFGHIJKLMNOPQRSTUVWXYZ{|}~")


@pytest.mark.parametrize("all_beams", [False, True])
def test_a_beam_ends_with_a_stop_string_as_with_the_token_that_spells_it(
    reader: MistralCausalLM, all_beams: bool
) -> None:
    """The same beams, scores, order and end; only its text ends before the stop."""
    steps, _, _ = search(reader, all_beams=all_beams)
    stops = byte_tokens(steps)
    assert len(stops) > 2
    for token_id in stops:
        stop = chr(token_id - 3)
        by_token, text, end = search(
            reader, all_beams=all_beams, stop_token_ids=[token_id]
        )
        by_text, cut, text_end = search(
            reader, all_beams=all_beams, stop_strings=[stop]
        )
        assert [step.beams for step in by_text] == [step.beams for step in by_token]
        assert [step.pruned for step in by_text] == [step.pruned for step in by_token]
        assert (text_end.reason, text_end.stopped_by) == (end.reason, end.stopped_by)
        assert cut == text.removesuffix(stop)
        assert text_end.stop_string == (stop if end.reason == "stop" else "")


@pytest.mark.parametrize("all_beams", [False, True])
def test_beams_end_where_their_text_first_has_a_stop(
    reader: MistralCausalLM, all_beams: bool
) -> None:
    """Of several tokens, also with those of an answer that goes on."""
    context = reader.text_preprocessor.prompt_ids("the")
    tokenizer = reader.text_preprocessor.tokenizer
    before = list(tokenizer.tokenize("sea is")[:-1])
    stops = ["is", "s lower", "w", "▁l"]
    steps, _, end = search(
        reader, all_beams=all_beams, stop_strings=stops, answer_ids=before
    )
    for step in steps:
        for beam in (*step.beams, *step.pruned):
            texts = [
                text_of([*before, *beam.token_ids[:n]], tokenizer, context)
                for n in range(len(beam.token_ids) + 1)
            ]
            stopped = [any(stop in text for stop in stops) for text in texts]
            assert stopped[-1] == beam.is_finished
            assert not any(stopped[:-1])  # it keeps its place and does not go on
    assert any(beam.is_finished for beam in steps[-1].beams)
    assert end.reason == "stop"


def test_the_best_text_ended_though_others_had_more_to_say(
    reader: MistralCausalLM,
) -> None:
    """A search for all beams that ends by its length or by its person."""
    steps, _, _ = search(reader, all_beams=True)
    stop = steps[2].beams[0].token_ids[-1]
    steps, _, end = search(reader, all_beams=True, stop_token_ids=[stop])
    assert steps[-1].beams[0].is_finished
    assert not all(beam.is_finished for beam in steps[-1].beams)
    assert (len(steps), end.reason, end.stopped_by) == (9, "stop", (stop,))


def test_contrastive_search_ends_at_the_token_that_completes_a_stop(
    reader: MistralCausalLM,
) -> None:
    sampler = ContrastiveSampler(4)

    def write(**stops: Any) -> list[Event]:
        return list(
            reader.stream(
                "the", max_new_tokens=12, stop_token_ids=None, sampler=sampler, **stops
            )
        )

    whole = answer_of(write()).text
    stop = whole[4:7]
    events = write(stop_strings=[stop])
    *_, last, end = events
    assert isinstance(last, Step)  # not one more, to be thrown away
    assert isinstance(end, Finished)
    assert answer_of(events).text == whole[: whole.index(stop)]
    assert (end.reason, end.stop_string) == ("stop", stop)
    assert last.token_id == end.stopped_by[-1]


def test_the_bytes_of_a_character_are_in_the_stop_that_begins_with_it(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    tokenizer = preprocessor.tokenizer
    the, wave = tokenizer.token_to_id("▁the"), [243, 162, 143, 141]
    _, end = read(preprocessor, Run([the, *wave, the]), "\N{WATER WAVE} t")
    assert end.stopped_by == (*wave, the)
    _, end = read(preprocessor, Run([the, 243, the, the]), "\ufffd th")
    assert end.stopped_by == (243, the)


@pytest.mark.parametrize(
    ("stop", "text", "by"),
    [
        ("</s>", "the sea is", "</s>"),
        ("is</s>", "the sea ", "is</s>"),
        ("sea is</s> the", "the ", "sea is</s> the"),
        ("</s><s>", "the sea is the", "</s><s>"),
        ("</s", "the sea is the", ""),  # not the token
    ],
)
def test_a_stop_may_spell_special_tokens_which_have_no_text(
    preprocessor: MistralCausalLMPreprocessor, stop: str, text: str, by: str
) -> None:
    tokenizer = preprocessor.tokenizer
    ids = tokenizer.tokenize("the sea is</s>the</s><s>", special=True)
    events, end = read(preprocessor, Run(ids), stop, "not in it")
    assert answer_of(events).text == text
    assert end.stop_string == (stop if by else "")
    spelt = "".join(map(tokenizer.id_to_token, end.stopped_by)).replace("▁", " ")
    assert spelt.strip() == by


def test_special_tokens_do_not_part_a_stop_that_spells_none(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    ids = preprocessor.tokenizer.tokenize("the<s>sea", special=True)
    events, end = read(preprocessor, Run(ids), "the sea")
    assert (answer_of(events).text, end.stop_string) == ("", "the sea")


def test_a_special_token_that_is_written_in_letters_is_that_stop_too(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    ids = preprocessor.tokenizer.tokenize("the</s>sea")
    assert 2 not in ids
    events, end = read(preprocessor, Run(ids), "</s>")
    assert (answer_of(events).text, end.stop_string) == ("the", "</s>")


def test_a_token_that_only_the_model_knows_has_no_text(
    preprocessor: MistralCausalLMPreprocessor, ids: list[int]
) -> None:
    """Vocabularies are padded to a round number; such an id ends no one's run."""
    padded = preprocessor.tokenizer.vocabulary_size()
    events, _ = read(preprocessor, Run([ids[0], padded, *ids[1:]]), "not in it")
    assert answer_of(events).text == TEXT
    assert answer_of(events).token_ids == [ids[0], padded, *ids[1:]]


TOKENS = st.lists(st.sampled_from([*range(259, 300), 198, 172]), max_size=12)


@given(
    token_ids=TOKENS,
    answer_ids=TOKENS,
    stops=st.lists(st.text("the saéiw", min_size=1, max_size=4), max_size=3),
    order=st.randoms(use_true_random=False),
)
def test_a_stop_is_the_same_in_whatever_order_texts_are_asked_for(
    preprocessor: MistralCausalLMPreprocessor,
    token_ids: list[int],
    answer_ids: list[int],
    stops: list[str],
    order: Random,
) -> None:
    """As a search asks: for texts that are forks of others, again, or out of turn."""
    text_stop = TextStops(preprocessor.tokenizer, (1,), stops, answer_ids)
    asked = [[*token_ids[:n], *more] for n in range(12) for more in ([], [270], [292])]
    for made in order.choices(asked, k=30):
        text = NewText(preprocessor.tokenizer, (1,), stops, answer_ids)
        for token_id in made:
            text.push(token_id)
        end = text.finished(Finished(reason="length"))
        assert text_stop(made) == text_stop(tuple(made)) == end.stopped_by
