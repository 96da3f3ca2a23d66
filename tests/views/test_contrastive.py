"""Confidence against repetition: the example of engine/contrastive_search.py."""

from dataclasses import replace

import pytest

from playground.engine import Candidate
from playground.views.contrastive import ContrastiveView, contrastive_view
from tests.views.small_vocabulary import AB, LOW, small_vocabulary

SMALL = small_vocabulary()
THE = Candidate(LOW, probability=0.50, similarity=0.90, score=-0.34)
SEA = Candidate(AB, probability=0.30, similarity=0.40, score=-0.12)


def view(token_id: int = AB) -> ContrastiveView:
    return contrastive_view(SMALL, [THE, SEA], token_id, alpha=0.6, index=3)


def test_confidence_less_penalty_is_the_score_that_decides() -> None:
    assert view().confidence(0) == pytest.approx(0.20)
    assert view().penalty(0) == pytest.approx(0.54)
    for n, candidate in enumerate(view().candidates):
        difference = view().confidence(n) - view().penalty(n)
        assert difference == pytest.approx(candidate.score)
    assert view().chosen == 1


def test_words_say_why_the_likeliest_was_not_taken() -> None:
    assert view().words() == (
        "Of 2 candidates, ab has the highest score, -0.120: confidence 0.120 less a "
        "penalty of 0.240. The likeliest, low (50.0%), has -0.340, as it repeats more."
    )
    assert view(LOW).words().endswith("It is also the likeliest.")


def test_the_table_has_every_number() -> None:
    table = view().table()
    assert table.rows[0] == (
        *("low", LOW, 0.5, 0.9),
        *(pytest.approx(0.2), pytest.approx(0.54), -0.34, ""),
    )
    assert table.rows[1][-1] == "chosen"
    assert {len(row) for row in table.rows} == {len(table.columns)}


def test_unlike_states_speak_for_a_token() -> None:
    unlike = replace(SEA, similarity=-0.5, score=0.42)
    assert contrastive_view(SMALL, [unlike], AB, alpha=0.6).penalty(0) == -0.3


def test_a_step_of_another_sampler_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the 0 candidates"):
        contrastive_view(SMALL, [], LOW, alpha=0.6)
