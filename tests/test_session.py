"""One person's runs on the real model: text, stops, bad input, nothing lost."""

from dataclasses import replace
from typing import Any

import pytest

from playground.engine import Engine, Event, Finished, Loading, Step
from playground.engine.status import Status
from playground.models import MistralCausalLM
from playground.session import Session
from playground.settings import GenerationSettings
from playground.transcript.answer_tree import AnswerTree

SHORT = GenerationSettings(max_new_tokens=8, chat=False, seed=5)
QUESTION = "What is gravity?"


@pytest.fixture
def session(engine: Engine[MistralCausalLM]) -> Session:
    return Session(engine)


def run(session: Session, prompt: str, settings: GenerationSettings) -> Finished:
    *_, end = session.generate(prompt, settings)
    assert isinstance(end, Finished)
    return end


def texts(events: list[Event]) -> str:
    return "".join(e.text for e in events if isinstance(e, Step | Finished))


def test_text_streams_in_pieces_that_make_the_transcript(session: Session) -> None:
    events = list(session.generate("The sea is", SHORT))
    assert texts(events) == session.text
    assert session.text
    assert session.prompt_text == "The sea is"
    assert session.transcript is not None
    assert len(session.transcript.token_ids) == 8
    assert session.seed == 5


def test_the_chat_format_wraps_the_prompt(session: Session) -> None:
    run(session, QUESTION, replace(SHORT, chat=True))
    assert session.prompt_text.endswith(
        f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    )
    assert session.prompt_text.startswith("<|im_start|>system\n")


def test_a_seed_is_drawn_kept_and_gives_the_same_text_again(session: Session) -> None:
    random = replace(SHORT, sampler="random", temperature=1.5, seed=None)
    run(session, QUESTION, random)
    first, seed = session.text, session.seed
    run(session, QUESTION, replace(random, seed=seed))
    assert session.text == first
    run(session, QUESTION, random)
    assert session.seed != seed


def test_temperature_zero_is_greedy_for_each_sampler(session: Session) -> None:
    run(session, QUESTION, replace(SHORT, sampler="greedy"))
    greedy = session.text
    for sampler in ("random", "top_k", "top_p"):
        run(session, QUESTION, replace(SHORT, sampler=sampler, temperature=0.0))
        assert session.text == greedy, sampler


def test_the_answer_ends_at_the_end_token_and_it_is_not_shown(
    session: Session,
) -> None:
    ask = GenerationSettings(sampler="greedy", max_new_tokens=64)
    end = run(session, "Say just: Hello!", ask)
    assert (end.reason, end.stopped_by) == ("stop", (2,))
    assert "<|im_end|>" not in session.text
    assert session.transcript is not None
    assert session.transcript.token_ids[-1] == 2


def test_max_length_counts_the_prompt(session: Session) -> None:
    end = run(
        session, "One two three", replace(SHORT, max_new_tokens=None, max_length=9)
    )
    assert end.reason == "length"
    assert session.transcript is not None
    made = session.transcript
    assert len(made.prompt_token_ids) + len(made.token_ids) == 9


def test_stopping_keeps_the_text(session: Session) -> None:
    events = session.generate(QUESTION, replace(SHORT, max_new_tokens=2000))
    heard: list[Event] = []
    for event in events:
        heard.append(event)
        if isinstance(event, Step) and event.index == 3:
            session.stop()
    end = heard[-1]
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"
    assert session.text == texts(heard)
    assert 4 <= sum(isinstance(e, Step) for e in heard) < 50


def test_a_new_run_stops_the_one_before_and_texts_do_not_mix(session: Session) -> None:
    first = session.generate("One", replace(SHORT, max_new_tokens=2000))
    first_transcript = session.transcript
    while not isinstance(next(first), Step):
        pass
    second = list(session.generate("Two", SHORT))
    *_, end = first
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"
    assert session.text == texts(second)
    assert first_transcript is not None
    assert first_transcript.prompt_text == "One"
    assert first_transcript is not session.transcript


def test_prompts_of_any_unicode_work(session: Session) -> None:
    for prompt in (
        "Ünïcödé 🪟 日本",
        "\x00",
        "a\x00b",
        "\u202eright to left",
        "\ufeff",
    ):
        assert run(session, prompt, SHORT).reason in ("length", "stop")
        assert session.prompt_text == prompt


BAD: list[tuple[Any, dict[str, Any], str]] = [
    ("", {}, "prompt is empty"),
    (" \n ", {}, "prompt is empty"),
    ("x" * 1_000_000, {}, "1,000,000 characters"),
    ("a\ud800b", {}, "lone surrogate"),
    (None, {}, "must be text"),
    ("word " * 9000, {}, "this model reads at most 8,192"),
    ("Hello", {"stop_token_ids": (49152,)}, "vocabulary, 0 to 49,151; got 49152"),
    ("Hello", {"sliding_window": 8193}, "from 1 to the model's own 8,192"),
    ("a b c d", {"max_new_tokens": None, "max_length": 2}, "total length of 2"),
]


@pytest.mark.parametrize(("prompt", "changes", "words"), BAD)
def test_bad_input_is_refused_in_words_and_the_old_text_stays(
    session: Session, prompt: Any, changes: dict[str, Any], words: str
) -> None:
    run(session, "The sea is", SHORT)
    before = session.text
    with pytest.raises(ValueError, match=words):
        session.generate(prompt, replace(SHORT, **changes))
    assert session.text == before
    assert run(session, "Again", SHORT).reason == "length"


class NotLoaded:
    """An engine whose model never comes, until it fails."""

    def __init__(self) -> None:
        self.model = None
        self.asked = 0
        self.status = Status(phase="loading", message="Downloading", fraction=0.5)

    def wait_for_model(self, _timeout: float) -> bool:
        self.asked += 1
        return self.asked > 3


def test_a_model_that_does_not_load_ends_the_run_with_the_reason() -> None:
    waiting = NotLoaded()
    events = list(Session(waiting).generate("Hello", SHORT))  # type: ignore[arg-type]
    assert events[0] == Loading(message="Downloading", fraction=0.5)
    assert events[-1] == Finished(reason="error", message="Downloading")


def test_stop_while_the_model_loads_ends_the_run() -> None:
    session = Session(NotLoaded())  # type: ignore[arg-type]
    events = session.generate("Hello", SHORT)
    assert isinstance(next(events), Loading)
    session.stop()
    assert list(events) == [Finished(reason="cancelled")]


def test_runs_from_elsewhere_come_behind_ones_own(
    engine: Engine[MistralCausalLM],
) -> None:
    settings = GenerationSettings(chat=False, sampler="greedy", max_new_tokens=2)
    theirs = Session(engine)
    list(theirs.generate("Once", settings))
    list(theirs.go_on(settings))
    mine = Session(engine)
    list(mine.generate("Twice", settings))
    mine.open(AnswerTree.from_json(theirs.tree.to_json()))
    assert [each.parent for each in mine.tree.versions] == [None, None, 1]
    assert mine.text == theirs.text
    assert mine.version == mine.tree.version(2)
    list(mine.go_on(settings))
    assert mine.tree.version(3).parent == 2


def test_an_empty_tree_from_elsewhere_is_refused(
    engine: Engine[MistralCausalLM],
) -> None:
    with pytest.raises(ValueError, match="has 0 runs"):
        Session(engine).open(AnswerTree())
