"""A run that ends at a text, wherever its tokens begin and end."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from playground.engine import Beam, Beams, Event, Finished, Step, Timings
from playground.models import MistralCausalLM, MistralCausalLMPreprocessor
from playground.models.answers import answer_of, with_text
from playground.samplers import BeamSampler, GreedySampler

TEXT = "the sea is wide the sky is wider"


@pytest.fixture
def ids(preprocessor: MistralCausalLMPreprocessor) -> list[int]:
    return list(preprocessor.tokenizer.tokenize(TEXT))


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


def test_a_beam_search_ends_when_its_best_text_has_the_stop(
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
