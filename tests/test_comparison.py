"""Several settings at once on a small model: rows of one run, and a way to stop."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from playground.engine import Engine, Finished, Step
from playground.models import MistralCausalLM
from playground.session import Session, start_engine
from playground.session.comparison import MAX_RUNS, Comparison, Update, compare
from playground.settings import GenerationSettings

SHORT = GenerationSettings(max_new_tokens=6, chat=False, sampler="greedy")
WARM = replace(SHORT, sampler="random", temperature=1.5)
PROMPT = "The sea is"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine[MistralCausalLM]]:
    engine = start_engine("shakespeare_mistral", warm_length=0)
    assert engine.wait().phase == "ready"
    yield engine
    engine.close()


def ends(updates: list[Update]) -> dict[int, str]:
    return {u.row: u.event.reason for u in updates if isinstance(u.event, Finished)}


def test_each_run_is_what_it_would_be_alone(engine: Engine[MistralCausalLM]) -> None:
    settings = [SHORT, replace(WARM, seed=9), WARM]
    comparison = Comparison(engine, PROMPT, settings)
    updates = list(comparison.updates())
    assert ends(updates) == {0: "length", 1: "length", 2: "length"}
    assert [run.seed for run in comparison.runs] == [9, 9, 9]
    assert comparison.runs[1].token_ids == comparison.runs[2].token_ids
    for run, own in zip(comparison.runs, settings, strict=True):
        assert all(record is not None for record in run.records)
        session = Session(engine)
        list(session.generate(PROMPT, replace(own, seed=9)))
        assert session.transcript is not None
        assert run.token_ids == session.transcript.token_ids
        assert run.text == session.text


def test_all_are_written_side_by_side_and_stop_together(
    engine: Engine[MistralCausalLM],
) -> None:
    long = replace(SHORT, max_new_tokens=2000, stop_token_ids=None)
    comparison = Comparison(engine, PROMPT, [long, long])
    updates, rows = [], set()
    for update in comparison.updates():
        updates.append(update)
        if isinstance(update.event, Step):
            rows.add(update.row)
        if len(rows) == 2:  # nobody has waited for the other's end
            comparison.stop()
    assert ends(updates) == {0: "cancelled", 1: "cancelled"}
    for row, run in enumerate(comparison.runs):
        made = [u for u in updates if u.row == row and isinstance(u.event, Step)]
        assert len(made) == len(run.token_ids) > 0
        assert run.text.strip()


def test_closing_the_updates_ends_the_runs(engine: Engine[MistralCausalLM]) -> None:
    comparison = Comparison(engine, PROMPT, [replace(SHORT, max_new_tokens=2000)] * 2)
    updates = comparison.updates()
    while not isinstance(next(updates).event, Step):
        pass
    updates.close()  # type: ignore[attr-defined]
    # The engine is free at once, so another run is not kept waiting.
    assert ends(list(compare(engine, PROMPT, [SHORT]))) == {0: "length"}
    assert all(len(run.token_ids) < 500 for run in comparison.runs)


def test_what_cannot_run_is_refused_before_anything_does(
    engine: Engine[MistralCausalLM],
) -> None:
    with pytest.raises(ValueError, match=f"From 1 to {MAX_RUNS} settings"):
        compare(engine, PROMPT, [])
    with pytest.raises(ValueError, match=f"got {MAX_RUNS + 1}"):
        compare(engine, PROMPT, [SHORT] * (MAX_RUNS + 1))
    with pytest.raises(ValueError, match="prompt is empty"):
        compare(engine, " ", [SHORT])
    with pytest.raises(ValueError, match="sliding window"):
        compare(engine, PROMPT, [SHORT, replace(SHORT, sliding_window=9000)])


def test_updates_come_once(engine: Engine[MistralCausalLM]) -> None:
    comparison = Comparison(engine, PROMPT, [SHORT])
    assert ends(list(comparison.updates())) == {0: "length"}
    assert list(comparison.updates()) == []
