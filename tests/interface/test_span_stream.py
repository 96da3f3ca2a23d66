"""What the page is told while an answer grows: all of it in the end, each part once."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.engine import Event, Finished, Step
from playground.interface import span_stream
from playground.interface.span_stream import SpanStream
from playground.interface.spans import spans_value
from playground.models.answers import text_so_far, with_text
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from tests.screen import Screen, spans_in
from tests.views.small_records import record
from tests.views.small_vocabulary import LOW, SPACE_LOW, byte, small_vocabulary

SMALL = small_vocabulary()
MODEL: Any = SimpleNamespace(text_preprocessor=SimpleNamespace(tokenizer=SMALL))
SETTINGS = GenerationSettings(chat=False, stop_strings=("ow lowl",))
IDS = st.lists(st.sampled_from([LOW, SPACE_LOW, 0, *(2 + b for b in "é€".encode())]))


def begin(before: Transcript | None = None, position: int = 0) -> Transcript:
    """A run, or one that goes on from the first tokens of another."""
    known: dict[str, Any] = {}
    if before is not None:
        ids = before.token_ids[:position]
        known = {
            "token_ids": ids,
            "pieces": before.pieces[:position],
            "records": before.records[:position],
            "answered": position,
            "text": text_so_far(ids, SMALL, (LOW,), SETTINGS.stop_strings),
        }
    return Transcript(
        settings=SETTINGS, seed=1, prompt_text="low", prompt_token_ids=(LOW,), **known
    )


def events(run: Transcript, ids: list[int]) -> list[Event]:
    steps: list[Event] = [
        Step(token_id=i, index=n, tokens_per_second=1, record=record(0.5))
        for n, i in enumerate(ids)
    ]
    answer = run.token_ids[: run.answered], run.pieces[: run.answered]
    end = Finished(reason="length")
    stops = SETTINGS.stop_strings
    return list(with_text([*steps, end], SMALL, (LOW,), stops, lambda: None, *answer))


def whole(run: Transcript) -> Any:
    session: Any = SimpleNamespace(transcript=run, engine=SimpleNamespace(model=MODEL))
    return spans_value(session)


@given(IDS, IDS, st.data())
def test_whatever_arrives_the_end_is_the_whole_text(
    first: list[int], second: list[int], data: st.DataObject
) -> None:
    """Also if values are lost on the way, and where an answer goes on."""
    stream, screen, run = SpanStream(), Screen(), begin()
    for ids in (first, second):
        for event in events(run, ids):
            run.add(event)
            live = not isinstance(event, Finished)
            value = stream.value(run, MODEL, live)
            if data.draw(st.booleans()) and not screen.show(value):
                assert screen.show(stream.whole(run, MODEL))
        if not screen.show(value):
            assert screen.show(stream.whole(run, MODEL))
        expected = whole(run)
        assert (screen.prompt, screen.answer) == (
            expected["prompt"],
            expected["answer"],
        )
        run = begin(run, data.draw(st.integers(0, len(run.token_ids))))


def test_each_span_is_made_once_and_none_again_when_an_answer_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, line = list[int](), span_stream._line

    def counted(tokenizer: Any, run: Transcript, place: int, text: str) -> str:
        made.append(place)
        return line(tokenizer, run, place, text)

    monkeypatch.setattr(span_stream, "_line", counted)
    stream, run = SpanStream(), begin()
    for event in events(run, [*[LOW] * 49, byte("x")]):
        run.add(event)
        value = stream.value(run, MODEL, live=not isinstance(event, Finished))
    assert made == list(range(50))
    longer = begin(run, 50)
    told = events(longer, [SPACE_LOW] * 2)
    value = stream.value(longer, MODEL, live=True)
    assert (value["base"], value["on"], value["answer"]) == (50, value["id"] - 1, "")
    assert value["prompt"] is None
    for event in told:
        longer.add(event)
        value = stream.value(longer, MODEL, live=not isinstance(event, Finished))
    assert made == list(range(52))
    assert [text for text, *_ in spans_in(value["answer"])] == [" low", " low"]


def test_what_may_begin_a_stop_is_not_told() -> None:
    stream, screen, run = SpanStream(), Screen(), begin()
    texts = []
    for event in events(run, [LOW, SPACE_LOW, LOW, SPACE_LOW, LOW]):
        run.add(event)
        screen.show(stream.value(run, MODEL, live=not isinstance(event, Finished)))
        texts.append(screen.text)
    assert texts == ["", "", "", "l"]
