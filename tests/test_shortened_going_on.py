"""An answer that goes on and is shortened for it: the run holds what the model read."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from playground.engine import Engine, Finished
from playground.exports import read_file, to_file
from playground.exports.replay import first_difference, replay
from playground.interface.explorer import Choices, Explorer, Focus
from playground.models import MistralCausalLM, MistralCausalLMPreprocessor
from playground.session import Session
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.views.registry import choices_of
from playground.views.token_spans import token_spans_view
from tests.conftest import tiny_model

CONTEXT = 24
SETTINGS = GenerationSettings(
    sampler="random",
    max_new_tokens=8,
    stop_token_ids=None,
    chat=False,
    seed=3,
    shorten_prompt=True,
)


@pytest.fixture(scope="module")
def small(
    preprocessor: MistralCausalLMPreprocessor,
) -> Iterator[Engine[MistralCausalLM]]:
    vocabulary_size = preprocessor.tokenizer.vocabulary_size()
    size = {"vocabulary_size": vocabulary_size, "context_length": CONTEXT}
    backbone = tiny_model(num_layers=1, sliding_window=None, **size).backbone
    model = MistralCausalLM(backbone, preprocessor)
    engine = Engine(lambda *_: model, warm_length=0)
    assert engine.wait(60).phase == "ready"
    yield engine
    engine.close()


@pytest.fixture
def asked(small: Engine[MistralCausalLM], monkeypatch: pytest.MonkeyPatch) -> list:
    """The token ids of each request that reaches the engine."""
    seen, submit = [], small.submit

    def note(request):
        seen.append(request.token_ids)
        return submit(request)

    monkeypatch.setattr(small, "submit", note)
    return seen


@pytest.fixture
def written(
    small: Engine[MistralCausalLM],
) -> Callable[[int], tuple[Session, list[str]]]:
    """Writes 8 tokens and goes on so many times; the session, and the text each time"""

    def write(times: int) -> tuple[Session, list[str]]:
        session, texts = Session(small, record=True), []
        for number in range(times + 1):
            events = session.go_on() if number else session.generate("abcdef", SETTINGS)
            *_, end = events
            assert isinstance(end, Finished)
            assert end.reason == "length", end.message
            texts.append(session.shown_text)
        return session, texts

    return write


def latest(session: Session) -> Transcript:
    assert session.transcript is not None
    return session.transcript


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_prompt_and_answer_are_the_tokens_that_the_model_read(written, asked, times):
    session, _ = written(times)
    run = latest(session)
    read = (*run.prompt_token_ids, *run.token_ids[: run.answered])
    assert read == asked[-1]
    assert len(run.token_ids) == run.answered + 8
    assert len(read) <= CONTEXT - 8
    start = session.engine.model.text_preprocessor.tokenizer.start_token_id
    assert run.prompt_token_ids[0] == start
    if times > 2:
        assert run.prompt_token_ids == (start,)  # the whole prompt was left out
        assert run.earlier_text


def test_the_text_so_far_stays_on_show(written):
    _, texts = written(4)
    for before, after in pairwise(texts):
        whole = before.rstrip("\ufffd")  # a character may have been incomplete
        assert after.startswith(whole)
        assert len(after) > len(before)


def test_what_is_read_again_is_what_was_recorded(written):
    session, _ = written(3)
    run, view = latest(session), Explorer(session).view("tokens")
    logprobs = [record.logprob for record in run.records if record]
    assert len(logprobs) >= 8
    reread = [np.log(span.scores["probability"]) for span in view.spans[-8:]]
    np.testing.assert_allclose(reread, logprobs[-8:], atol=1e-4)


def test_the_lab_draws_what_the_run_drew(written):
    session, _ = written(3)
    run, explorer = latest(session), Explorer(session)
    for index in range(run.answered, len(run.token_ids)):
        choices = Choices(focus=Focus(index=index), settings=SETTINGS)
        _, table = explorer.tab("Sampler lab", choices=choices)
        assert table.own.token_id == run.token_ids[index]


@pytest.mark.parametrize("times", [1, 3])
def test_every_view_is_of_the_text_that_was_read(written, times):
    session, _ = written(times)
    run, explorer = latest(session), Explorer(session)
    num_read = len(run.prompt_token_ids) + len(run.token_ids)
    assert num_read <= CONTEXT
    last = explorer.focus(None)
    assert explorer.position(last) == num_read - 1
    for tab in ("Window", "Heads"):
        for choice in choices_of(tab):
            (view,) = explorer.tab(tab, choice, Choices(focus=last))
            assert view.words()
    ring, _ = explorer.tab("Cache")
    assert len(ring.labels) == num_read - 1  # the last one was never read
    (tokens,) = explorer.tab("Tokens")
    assert len(tokens.table().rows) == num_read


def test_spans_and_earlier_text_are_the_whole_text(written):
    session, texts = written(3)
    run = latest(session)
    tokenizer = session.engine.model.text_preprocessor.tokenizer
    spans = token_spans_view(tokenizer, run).spans[len(run.prompt_token_ids) :]
    assert run.earlier_text + "".join(span.text for span in spans) == texts[-1]


def test_a_file_and_a_replay_keep_it(written):
    session, texts = written(3)
    run = latest(session)
    again = read_file(to_file(run))
    assert again.earlier_text == run.earlier_text
    assert again.shown_text == texts[-1]
    assert again.prompt_token_ids == run.prompt_token_ids
    replayed = replay(run, session.engine.model)
    assert first_difference(run, replayed) is None


def test_the_answer_before_is_untouched(written):
    session, texts = written(3)
    for number, text in enumerate(texts):
        session.show(number)
        assert session.shown_text == text
    first = session.tree.version(0).run
    assert len(first.prompt_token_ids) > 6


def test_a_branch_of_a_shortened_answer_goes_on_too(written, asked):
    session, _ = written(3)
    parent = latest(session)
    settings = replace(SETTINGS, max_new_tokens=4)
    *_, end = session.go_on(settings, position=parent.answered + 2, token_id=5)
    assert end.reason == "length"
    run = latest(session)
    assert (*run.prompt_token_ids, *run.token_ids[: run.answered]) == asked[-1]
    assert run.token_ids[run.answered - 1] == 5
    assert run.shown_text.startswith(parent.earlier_text)


def test_a_character_that_is_cut_in_two_stays_whole(small):
    """Of twenty bytes, two a character, the last fifteen are read: half a one first."""
    tokenizer = small.model.text_preprocessor.tokenizer
    session = Session(small)
    ids = [tokenizer.token_to_id(f"<0x{byte:02X}>") for byte in ("é" * 10).encode()]
    run = Transcript(settings=SETTINGS, seed=3, token_ids=ids, text="é" * 10)
    run.prompt_token_ids = (tokenizer.start_token_id,)
    session.open(run)
    for _ in range(2):
        before = session.shown_text.rstrip("\ufffd")
        list(session.go_on())
        assert latest(session).token_ids[0] == ids[1]  # the second byte of an é
        assert session.shown_text.startswith(before)
        assert before.startswith("é" * 10)
