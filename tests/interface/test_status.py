"""What the status strip says."""

from types import SimpleNamespace

import pytest

from playground.engine.events import (
    Compiling,
    Finished,
    Loading,
    PrefillProgress,
    Queued,
    Step,
    Timings,
)
from playground.interface.status import (
    RunFacts,
    engine_status,
    fault_status,
    run_status,
)
from playground.interface.throttle import throttled
from playground.settings import GenerationSettings

TIMINGS = Timings(tokens_per_second=48.2)


def words_after(event, new_tokens=37, **settings):
    facts = RunFacts(
        settings=GenerationSettings(**settings),
        token_name={2: "<|im_end|>", 198: "\\n"}.get,
        new_tokens=new_tokens,
        seed=1234,
    )
    status = run_status(event, facts)
    return f"{status.words} {status.numbers}".strip()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Queued(ahead=2), "Queued (2 ahead)"),
        (Loading(message="Downloading", fraction=0.43), "Downloading 43%"),
        (Compiling(program="decode"), "Compiling, first time only"),
        (PrefillProgress(done=64, total=1200), "Reading prompt 64/1,200"),
        (Step(token_id=1, index=0, tokens_per_second=0.0), "Generating"),
        (Step(token_id=1, index=4, tokens_per_second=41.2), "Generating 41 tok/s"),
        (Step(token_id=1, index=4, tokens_per_second=1.26), "Generating 1.3 tok/s"),
    ],
)
def test_a_run_says_what_it_is_doing(event, words):
    assert words_after(event) == words


def test_an_end_token_is_named_with_its_id():
    event = Finished(reason="stop", stopped_by=(2,), timings=TIMINGS)
    assert words_after(event) == (
        "Stopped: end token <|im_end|> (id 2) · 37 tokens · 48 tok/s · seed 1234"
    )


def test_what_was_not_read_again_is_told():
    event = Finished(reason="length", timings=TIMINGS, reused_tokens=1234)
    words = words_after(event, new_tokens=128)
    assert words == (
        "Reached 128 new tokens · 48 tok/s · 1,234 prompt tokens reused · seed 1234"
    )


def test_a_stop_string_is_shown_as_it_was_typed_with_its_tokens():
    event = Finished(
        reason="stop", stopped_by=(13, 13), stop_string="\n\n", timings=TIMINGS
    )
    assert words_after(event) == (
        r'Stopped: text "\n\n" (ids 13 13) · 37 tokens · 48 tok/s · seed 1234'
    )


def test_a_run_that_took_too_long_says_how_long_it_may_take():
    message = "a run may take 600 seconds here"
    event = Finished(reason="time", message=message, timings=TIMINGS)
    assert words_after(event) == (
        "Stopped after 37 tokens: a run may take 600 seconds here; the text is kept"
        " · 48 tok/s · seed 1234"
    )


def test_what_was_left_out_of_a_prompt_is_told():
    event = Finished(reason="length", timings=TIMINGS, left_out_tokens=1234)
    assert words_after(event, new_tokens=128) == (
        "Reached 128 new tokens · the first 1,234 prompt tokens were left out"
        " · 48 tok/s · seed 1234"
    )


def test_a_stop_token_of_ones_own_is_not_called_end_token():
    event = Finished(reason="stop", stopped_by=(198,), timings=TIMINGS)
    words = words_after(event, stop_token_ids=(198,))
    assert words.startswith("Stopped: stop token \\n (id 198)")


def test_the_length_asked_for_is_told_from_the_end_of_the_context():
    event = Finished(reason="length", timings=TIMINGS)
    reached = words_after(event, new_tokens=128)
    assert reached == "Reached 128 new tokens · 48 tok/s · seed 1234"
    full = words_after(event, new_tokens=37)
    assert full.startswith("Reached the maximum length after 37 new tokens")


def test_a_stopped_run_says_that_its_text_is_kept():
    event = Finished(reason="cancelled", timings=TIMINGS)
    words = words_after(event, new_tokens=1)
    assert words.startswith("Stopped by you after 1 token; the text is kept")
    assert words_after(event, new_tokens=0) == "Stopped by you before the first token"


def test_a_greedy_run_shows_no_seed():
    event = Finished(reason="length", timings=TIMINGS)
    assert "seed" not in words_after(event, sampler="greedy")


def test_an_error_is_shown_in_its_own_words():
    assert words_after(Finished(reason="error", message="Out of memory")) == (
        "Out of memory"
    )


def test_a_fault_uses_the_labels_on_the_page():
    with pytest.raises(ValueError, match="temperature") as fault:
        GenerationSettings(temperature=-1)
    words = fault_status(fault.value).words
    assert words == "Temperature must be a number from 0 to 2, got -1."


def test_the_engines_failure_is_an_error():
    state = SimpleNamespace(phase="failed", message="No such file", fraction=None)
    status = engine_status(SimpleNamespace(status=state))
    assert (status.phase, status.words) == ("error", "No such file")


def test_a_new_phase_is_drawn_at_once_and_steps_only_now_and_then(monkeypatch):
    now = 100.0
    monkeypatch.setattr("playground.interface.throttle.SECONDS_BETWEEN_UPDATES", 0.1)
    monkeypatch.setattr("time.monotonic", lambda: now)
    steps = [Step(token_id=n, index=n, tokens_per_second=1.0) for n in range(4)]

    def events():
        nonlocal now
        yield Queued(ahead=1)
        for pause, step in zip((0, 0.05, 0.06, 0.05), steps, strict=True):
            now += pause
            yield step
        yield Finished(reason="length")

    drawn = list(throttled(events()))
    assert drawn == [
        Queued(ahead=1), steps[0], steps[2], Finished(reason="length")
    ]  # fmt: skip


def test_what_comes_while_a_host_draws_slowly_is_one_update(monkeypatch):
    """The pause begins when the drawing ends, however long it took."""
    now, noted, drawn = 100.0, [], []
    monkeypatch.setattr("playground.interface.throttle.SECONDS_BETWEEN_UPDATES", 0.1)
    monkeypatch.setattr("time.monotonic", lambda: now)
    steps = [Step(token_id=n, index=n, tokens_per_second=1.0) for n in range(100)]
    for event in throttled([*steps, Finished(reason="length")], noted.append):
        drawn.append(event)
        now += 0.5
    assert [type(event) for event in drawn] == [Step, Finished]
    assert len(noted) == 101
