"""Runs that are split anywhere and gone on with are what one longer run is.

The model is scripted: it writes the same tokens whatever the split, and the stops and
the text are the project's own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.engine import Event, Finished, Request, Step
from playground.exports.replay import is_interrupted
from playground.models import MistralCausalLM, MistralCausalLMPreprocessor, causal_lm
from playground.models.answers import Answer, answer_of, text_of, text_so_far
from playground.models.prompting import make_request
from playground.samplers import GreedySampler
from playground.session import Session
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from tests.conftest import tiny_model

PROMPT = "the sea is"


def script(request: Request, token_ids: Sequence[int]) -> Iterator[Event]:
    """What an engine says whose model writes `token_ids`, to a stop or the length."""
    made: list[int] = []
    for token_id in token_ids[request.answered :][: request.max_new_tokens]:
        made.append(token_id)
        yield Step(token_id=token_id, index=len(made) - 1, tokens_per_second=1.0)
        if stop := request.stop_at_end(made):
            yield Finished(reason="stop", stopped_by=stop)
            return
    yield Finished(reason="length")


@dataclass
class ScriptedRun:
    events: Iterator[Event]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True

    def __iter__(self) -> Iterator[Event]:
        for event in self.events:
            if self.cancelled:
                yield Finished(reason="cancelled")
                return
            yield event


@dataclass
class ScriptedEngine:
    """What a session uses of an engine; `token_ids` is what its model writes."""

    model: MistralCausalLM
    token_ids: Sequence[int] = ()
    status: Any = field(
        default_factory=lambda: SimpleNamespace(phase="ready", message="", fraction=0)
    )

    def wait_for_model(self, timeout: float) -> bool:
        return timeout > 0

    def submit(self, request: Request) -> ScriptedRun:
        return ScriptedRun(script(request, self.token_ids))


@pytest.fixture(scope="module")
def model(preprocessor: MistralCausalLMPreprocessor) -> MistralCausalLM:
    size = preprocessor.tokenizer.vocabulary_size()
    backbone = tiny_model(num_layers=1, vocabulary_size=size).backbone
    return MistralCausalLM(backbone, preprocessor)


WAVE = [243, 162, 143, 141]  # the bytes of one character, each a token
E_ACUTE = [198, 172]


@dataclass(frozen=True)
class Case:
    """What the model writes, how long each run becomes, and which way it goes on.

    `cuts` are the beginnings and lengths of stop strings in the text, `rows` those of
    stop tokens in a row, of which settings take the first only.
    """

    token_ids: list[int]
    cuts: list[tuple[int, int]]
    rows: list[tuple[int, int]]
    runs: list[tuple[int, str]]

    @property
    def stop_rows(self) -> list[list[int]]:
        rows = [self.token_ids[at : at + size] for at, size in self.rows]
        return [row for row in rows if row]

    def settings(self, text: str) -> GenerationSettings:
        stops = {text[at : at + size] for at, size in self.cuts}
        return GenerationSettings(
            sampler="greedy",
            max_new_tokens=sum(size for size, _ in self.runs),
            stop_strings=tuple(filter(str.strip, stops)),
            stop_token_ids=tuple(row[0] for row in self.stop_rows) or None,
            chat=False,
            seed=3,
        )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Few different tokens, so that beginnings of stops repeat."""
    parts = st.sampled_from([WAVE, E_ACUTE, *([n] for n in range(259, 300))])
    pool = draw(st.lists(parts, min_size=1, max_size=3))
    pieces = draw(st.lists(st.sampled_from(pool), min_size=2, max_size=9))
    written = [token_id for piece in pieces for token_id in piece]
    ways = st.sampled_from(["continue", "take", "import"])
    places = st.integers(0, len(written))
    return Case(
        written,
        draw(st.lists(st.tuples(places, st.integers(1, 9)), max_size=3)),
        draw(st.lists(st.tuples(places, st.integers(1, 3)), max_size=1)),
        draw(st.lists(st.tuples(st.integers(1, 5), ways), min_size=2, max_size=6)),
    )


def what_came(run: Transcript) -> tuple[Any, ...]:
    end = run.finished
    assert end is not None
    return run.token_ids, run.text, end.reason, end.stopped_by, end.stop_string


def latest(session: Session) -> Transcript:
    assert session.transcript is not None
    return session.transcript


@given(case=cases())
def test_a_session_that_goes_on_says_what_one_run_says(
    model: MistralCausalLM, case: Case
) -> None:
    text = text_of(case.token_ids, model.text_preprocessor.tokenizer, (1,))
    settings = case.settings(text)
    engine: Any = ScriptedEngine(model, case.token_ids)
    whole = Session(engine)
    list(whole.generate(PROMPT, settings))
    (first, _), *others = case.runs
    split = Session(engine)
    list(split.generate(PROMPT, replace(settings, max_new_tokens=first)))
    for size, way in others:
        end = latest(split).finished
        if end and end.reason == "length":
            split = go_on(split, case, replace(settings, max_new_tokens=size), way)
    assert what_came(latest(split)) == what_came(latest(whole))


def go_on(
    session: Session, case: Case, settings: GenerationSettings, way: str
) -> Session:
    """Its run gone on with, in this way."""
    at, size = len(latest(session).token_ids), settings.max_new_tokens or 0
    if way == "import":
        run = Transcript.from_json(latest(session).to_json())
        session = Session(session.engine)
        session.open(run)
    if way == "take" and size > 1 and at < len(case.token_ids):
        left = replace(settings, max_new_tokens=size - 1)
        token_id = case.token_ids[at]
        list(session.go_on(left, position=at, token_id=token_id))
    else:
        list(session.go_on(settings))
    return session


@given(case=cases())
def test_a_stream_that_goes_on_says_what_one_stream_says(
    model: MistralCausalLM, case: Case
) -> None:
    tokenizer = model.text_preprocessor.tokenizer
    prompt = model.text_preprocessor.prompt_ids(PROMPT)
    settings = case.settings(text_of(case.token_ids, tokenizer, (1,)))

    def stream(size: int, answer_ids: Sequence[int] = ()) -> tuple[Answer, Finished]:
        def decode(_: object, request: Request, *__: object) -> Iterator[Event]:
            return iter(ScriptedRun(script(request, case.token_ids)))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(causal_lm, "decode", decode)
            *events, end = model.stream(
                prompt,
                max_new_tokens=size,
                stop_token_ids=case.stop_rows or None,
                stop_strings=settings.stop_strings,
                answer_ids=answer_ids,
            )
        assert isinstance(end, Finished)
        return answer_of([*events, end]), end

    whole, whole_end = stream(settings.max_new_tokens or 0)
    ids, before, text = list[int](), "", ""
    for size, _ in case.runs:
        answer, end = stream(size, ids)
        before = text_so_far(ids, tokenizer, prompt, settings.stop_strings)
        ids, text = ids + answer.token_ids, before + answer.text
        if end.reason == "stop":
            break
    assert ids == whole.token_ids
    assert text == whole.text
    assert replace(end, text="") == replace(whole_end, text="")


def test_a_token_that_is_taken_may_end_the_run(model: MistralCausalLM) -> None:
    """As it would have if the model had drawn it; what was held back goes with it."""
    tokenizer = model.text_preprocessor.tokenizer
    the, sea, low = (tokenizer.token_to_id(each) for each in ("▁the", "▁sea", "▁low"))
    engine: Any = ScriptedEngine(model, [the, low, the, the])
    settings = GenerationSettings(
        max_new_tokens=4, stop_strings=("e sea",), stop_token_ids=None, chat=False
    )
    session = Session(engine)
    list(session.generate(PROMPT, settings))
    assert latest(session).text == " the low the the"
    (end,) = session.go_on(position=1, token_id=sea)
    assert end == Finished(reason="stop", stopped_by=(the, sea), stop_string="e sea")
    assert (latest(session).text, latest(session).token_ids) == (" th", [the, sea])
    assert is_interrupted(latest(session))  # so a replay needs no token behind it
    list(session.go_on(replace(settings, stop_token_ids=(low,)), number=0, position=0))
    (end,) = session.go_on(number=2, position=0, token_id=low)
    assert end == Finished(reason="stop", stopped_by=(low,))
    assert latest(session).text == " low"
    list(session.go_on(number=1))  # a stop that ended a run is passed
    assert latest(session).text == " the sea the the"


def test_what_is_held_back_is_not_lost_if_nothing_follows(
    model: MistralCausalLM,
) -> None:
    tokenizer = model.text_preprocessor.tokenizer
    engine: Any = ScriptedEngine(model, [tokenizer.token_to_id("▁the"), *WAVE])
    settings = GenerationSettings(
        max_new_tokens=1, stop_strings=("e sea",), stop_token_ids=None, chat=False
    )
    session = Session(engine)
    list(session.generate(PROMPT, settings))
    for never_begins in (True, False):
        events = session.go_on()
        assert latest(session).text == " the"
        session.stop()
        if never_begins:
            list(events)
        assert latest(session).text == " the"


def test_draws_are_numbered_on_if_an_answers_beginning_is_left_out() -> None:
    request = make_request(
        SimpleNamespace(vocabulary_size=300, widest_window=None, context_length=16),
        None,
        [1, 5, 6],
        sampler=GreedySampler(),
        seed=0,
        max_length=None,
        max_new_tokens=8,
        stop_token_ids=[(7, 8, 9)],
        sliding_window=None,
        shorten_prompt=True,
        answer_ids=[*range(20, 30), 7, 8],
    )
    assert request.token_ids == (*range(24, 30), 7, 8)
    assert request.answered == 12
    assert request.stop_at_end([9]) == (7, 8, 9)
