"""One token among its candidates: the funnel, the table, the words."""

import math

import pytest

from playground.engine import StageCount, TokenRecord
from playground.views.candidates import CandidatesView, candidates_view
from tests.views.small_records import record, top
from tests.views.small_vocabulary import AB, LOW, SPACE_LOW, byte, small_vocabulary

SMALL = small_vocabulary()
STAGES = (
    StageCount("model", 262, 1.0),
    StageCount("bias", 262, 1.0),
    StageCount("penalties", 262, 1.0),
    StageCount("dry", 262, 1.0),
    StageCount("top_k", 3, 0.9),
    StageCount("top_p", 2, 0.75),
    StageCount("temperature", 2, 0.75),
)
# 0.5 and 0.25 are kept, which gives 2/3 and 1/3; 0.15 and 0.05 are dropped.
TOP = top((LOW, 0.5, 2 / 3), (AB, 0.25, 1 / 3), (SPACE_LOW, 0.15, 0), (9, 0.05, 0))


def known(token_id: int, record_: TokenRecord | None = None) -> CandidatesView:
    made = record(0.25, stages=STAGES, top=TOP, rank=2)
    return candidates_view(SMALL, record_ or made, token_id, index=6)


def test_the_caption_says_what_was_kept_and_which_rank_was_chosen() -> None:
    assert known(AB).caption == (
        "Kept 2 of 262 tokens · 75.0% of the probability · "
        "3.0 bits (≈ 8.0 equal choices) · chosen: rank 2"
    )
    assert known(AB).title == "What new token 6 was chosen from"
    assert (
        known(AB)
        .words()
        .endswith(
            "The chosen token is ab: 25.0% under the model, 33.3% after the sampler."
        )
    )


def test_losers_stay_and_the_chosen_one_is_marked() -> None:
    view = known(AB)
    assert [each.label for each in view.candidates] == ["low", "ab", "␣low", "<U+0007>"]
    assert [each.is_kept for each in view.candidates] == [True, True, False, False]
    assert [each.is_chosen for each in view.candidates] == [False, True, False, False]
    assert [each.rank for each in view.candidates] == [1, 2, 3, 4]


def test_all_others_have_the_rest() -> None:
    view = known(AB)
    assert view.others_before == pytest.approx(0.05)
    assert view.others_after == pytest.approx(0, abs=1e-12)
    *rows, others = view.table().rows
    assert rows[1] == (2, "ab", AB, 0.25, pytest.approx(1 / 3), "kept", "chosen")
    assert rows[2][5:] == ("dropped", "")
    assert others[1] == "all others"
    assert len(others) == len(view.table().columns)


def test_a_chosen_token_beyond_the_recorded_ones_comes_last() -> None:
    far = record(0.001, chain_logprob=math.log(0.002), rank=77, stages=STAGES, top=TOP)
    view = known(byte("z"), far)
    assert len(view.candidates) == len(TOP) + 1
    last = view.candidates[-1]
    assert (last.label, last.rank, last.is_chosen) == ("z", 77, True)
    assert (last.before, last.after) == pytest.approx((0.001, 0.002))
    assert view.caption.endswith("chosen: rank 77")


def test_a_token_that_the_chain_dropped_is_told_as_such() -> None:
    # A person may ask about a token that could not have been drawn.
    asked = record(0.01, chain_logprob=-math.inf, rank=9, stages=STAGES, top=TOP)
    view = known(byte("z"), asked)
    assert (view.chosen.after, view.chosen.is_kept) == (0, False)
    assert "0% after the sampler" in view.words()


def test_equally_likely_tokens_share_a_rank() -> None:
    tied = record(stages=STAGES, top=top((LOW, 0.4, 1), (AB, 0.3, 0), (9, 0.3, 0)))
    assert [each.rank for each in known(AB, tied).candidates] == [1, 2, 2]


def test_edits_are_left_out_of_the_funnel_unless_they_dropped_something() -> None:
    assert [each.stage for each in known(AB).stages] == [
        *("model", "top_k", "top_p", "temperature"),
    ]
    banned = (STAGES[0], StageCount("bias", 260, 0.8), *STAGES[2:])
    view = known(AB, record(stages=banned, top=TOP))
    assert [each.stage for each in view.stages][:3] == ["model", "bias", "penalties"]
