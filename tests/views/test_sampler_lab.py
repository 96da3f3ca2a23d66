"""Recorded logits through any chain: stages, picks, and what they agree with."""

from dataclasses import replace

import numpy as np
import pytest

from playground.engine import Request, Step, decode
from playground.engine.programs import Programs
from playground.models import MistralCausalLM
from playground.samplers import CUTS, PRESETS, SamplerValues, active_cuts
from playground.samplers.noise import coin
from playground.views.sampler_lab import SamplerLabView, sampler_lab_view
from playground.views.sampler_table import (
    USUAL,
    YOURS,
    SamplerTableView,
    sampler_table_view,
    samplers_of,
    settings_of,
)
from tests.samplers import chain_oracle
from tests.views.small_vocabulary import small_vocabulary

SMALL = small_vocabulary()
V = SMALL.vocabulary_size()
# ids 2 to 6 have 0.5, 0.25, 0.15, 0.07, 0.03; the others 1e-9 each, about nothing.
LOGITS = np.full(V, np.log(1e-9), np.float32)
LOGITS[2:7] = np.log([0.5, 0.25, 0.15, 0.07, 0.03])
TEXT = [100, 3, 101, 3]


def lab(values: SamplerValues, seed: int = 3, draw: int = 4) -> SamplerLabView:
    return sampler_lab_view(
        SMALL, LOGITS, values, seed=seed, draw=draw, text_ids=TEXT, shown=5
    )


def table(values: SamplerValues, seed: int = 3) -> SamplerTableView:
    return sampler_table_view(SMALL, LOGITS, values, seed=seed, draw=4, text_ids=TEXT)


def test_each_stage_leaves_what_is_worked_out_by_hand() -> None:
    view = lab(SamplerValues(top_k=4, top_p=0.8, order="llama.cpp"))
    assert [stage.stage for stage in view.stages] == ["model", "top_k", "top_p"]
    assert view.token_ids == (2, 3, 4, 5, 6)
    whole, four, three = (stage.probabilities for stage in view.stages)
    np.testing.assert_allclose(whole, [0.5, 0.25, 0.15, 0.07, 0.03], rtol=1e-5)
    np.testing.assert_allclose(four, np.array([50, 25, 15, 7, 0]) / 97, rtol=1e-5)
    # 0.515 + 0.258 = 0.773 is less than 0.8, so three stay.
    np.testing.assert_allclose(three, np.array([50, 25, 15, 0, 0]) / 90, rtol=1e-5)
    assert [stage.tokens for stage in view.stages] == [V, 4, 3]
    assert [s.kept for s in view.stages] == pytest.approx([1, 0.97, 0.9], rel=1e-5)


def test_penalties_see_the_text_before_and_are_shown_only_then() -> None:
    values = SamplerValues(presence_penalty=50.0)
    view = lab(values)
    assert [stage.stage for stage in view.stages] == ["model", "penalties"]
    before, after = (stage.probabilities for stage in view.stages)
    assert before[1] == pytest.approx(0.25)
    assert after[1] < 1e-12  # id 3 was there
    np.testing.assert_allclose(after[[0, 2]], [0.5 / 0.75, 0.15 / 0.75], rtol=1e-5)
    alone = sampler_lab_view(SMALL, LOGITS, values, seed=3, text_ids=[])
    assert [stage.stage for stage in alone.stages] == ["model"]


def test_losers_stay_with_what_they_had() -> None:
    view = lab(SamplerValues(xtc_probability=1.0, xtc_threshold=0.2))
    first, last = view.stages[0], view.stages[-1]
    assert last.stage == "xtc"
    np.testing.assert_array_equal(last.probabilities > 0, [0, 1, 1, 1, 1])
    assert first.probabilities[0] == pytest.approx(0.5)
    assert last.kept == pytest.approx(0.5, rel=1e-4)


def test_a_token_that_only_the_chain_likes_is_shown_too() -> None:
    view = lab(SamplerValues(logit_bias=((200, 25.0),)))
    assert view.token_ids == (2, 3, 4, 5, 200)
    assert [stage.stage for stage in view.stages] == ["model", "bias"]
    assert view.stages[-1].probabilities[-1] > 0.9


def test_the_pick_is_the_chains_draw_in_both_views() -> None:
    values = SamplerValues(temperature=1.5, top_k=4, repetition_penalty=1.2)
    picks = set()
    for seed in range(6):
        view = lab(values, seed)
        assert view.pick is not None
        assert view.token_ids[view.pick] == table(values, seed).own.token_id
        assert view.stages[-1].probabilities[view.pick] > 0
        picks.add(view.pick_label)
    assert len(picks) > 1
    draws = {lab(values, seed=0, draw=draw).pick for draw in range(8)}
    assert len(draws) > 1


@pytest.mark.slow
def test_a_real_run_drew_what_the_lab_draws(tiny: MistralCausalLM) -> None:
    """Logits of one pass over the text, and every token of the run that wrote it."""
    values = SamplerValues(temperature=2.0, top_p=0.8, frequency_penalty=0.5)
    prompt, new = (5, 6, 7, 5, 6), 9  # longer than the window of 7
    request = Request(
        token_ids=prompt,
        max_new_tokens=new,
        sampler=values,
        seed=11,
        stop_token_ids=frozenset(),
    )
    programs = Programs(tiny, chunks=(2, 5), first_slots=4)
    made = [e.token_id for e in decode(programs, request) if isinstance(e, Step)]
    text = [*prompt, *made]
    mask = np.ones((1, len(text)))
    logits = tiny({"token_ids": np.array([text]), "padding_mask": mask})
    rows = np.full((len(text), V), -np.inf, np.float32)
    rows[:, : logits.shape[-1]] = logits[0]
    for draw, token_id in enumerate(made):
        at = len(prompt) + draw
        view = sampler_lab_view(
            *(SMALL, rows[at - 1], values),
            seed=11,
            draw=draw,
            text_ids=text[:at],
            shown=97,
        )
        assert view.pick is not None
        assert view.token_ids[view.pick] == token_id


def test_every_sampler_of_the_table_agrees_with_the_float64_oracle() -> None:
    values = SamplerValues(temperature=0.8, top_p=0.7, frequency_penalty=0.3)
    view = table(values)
    asked = samplers_of(values)
    acts = float(coin(np.uint32(3), np.int32(4))) < USUAL.xtc_probability
    assert [pick.name for pick in view.picks] == list(asked)
    for pick in view.picks:
        *_, (_, want) = chain_oracle.run(LOGITS, asked[pick.name], TEXT, acts)
        ids = list(view.token_ids)
        np.testing.assert_allclose(pick.probabilities, want[ids], rtol=2e-4, atol=1e-8)
        assert pick.tokens == np.count_nonzero(want)
        assert pick.probability == pytest.approx(want[pick.token_id], rel=2e-4)
        assert want[pick.token_id] > 0


def test_one_cut_each_with_the_persons_own_number_and_temperature() -> None:
    asked = samplers_of(SamplerValues(temperature=0.6, top_k=7, min_p=0.2))
    assert asked["top-k"] == SamplerValues(temperature=0.6, top_k=7)
    assert asked["min-p"] == SamplerValues(temperature=0.6, min_p=0.2)
    assert asked["top-p"] == SamplerValues(temperature=0.6, top_p=USUAL.top_p)
    assert asked["XTC"].xtc_probability == USUAL.xtc_probability
    assert asked["greedy"] == SamplerValues(temperature=0)
    assert asked["random"] == SamplerValues(temperature=0.6)
    assert {f"“{name}”" for name in PRESETS} < set(asked)
    assert list(asked)[-1] == YOURS
    # Greedy has no temperature to lend.
    assert samplers_of(SamplerValues(temperature=0))["random"].temperature == 1.0


def test_every_cut_of_the_chain_is_there_alone() -> None:
    asked = samplers_of(SamplerValues()).values()
    alone = [cuts for values in asked if len(cuts := active_cuts(values)) == 1]
    assert {cut for (cut,) in alone} == {*CUTS}
    assert samplers_of(SamplerValues(eta=0.3))["eta"] == SamplerValues(eta=0.3)
    assert samplers_of(SamplerValues())["epsilon"] == SamplerValues(epsilon=0.001)


def test_greedy_and_a_banned_vocabulary() -> None:
    greedy = lab(SamplerValues(temperature=0))
    assert (greedy.stages[-1].tokens, greedy.pick, greedy.pick_label) == (
        *(1, 0, "<U+0000>"),
    )
    hopeless = np.full(V, -np.inf, np.float32)
    view = sampler_lab_view(SMALL, hopeless, SamplerValues(), seed=0)
    assert (view.pick, view.pick_label) == (None, "")
    assert "draws no token" in view.words()
    nothing = sampler_table_view(SMALL, hopeless, SamplerValues(), seed=0)
    assert {pick.pick_label for pick in nothing.picks} == {""}
    assert nothing.own.probability == 0


def test_words_and_tables() -> None:
    values = SamplerValues(top_k=3)
    view = lab(values)
    assert view.words().startswith(
        f"Tokens left: model {V} → top_k 3. The last ones have 90.0% of the model's "
        f"probability; {V - 3} tokens dropped. Seed 3 draws "
    )
    assert view.table().columns == (
        *("token", "id", "after model", "after top_k", "drawn"),
    )
    assert len(view.table().rows) == 5
    assert [row[-1] for row in view.table().rows].count("drawn") == 1
    all_ = table(values)
    assert {len(row) for row in all_.table().rows} == {len(all_.table().columns)}
    told = f"kept by greedy and 1 other (1 token), the most by random and 1 other ({V})"
    assert told in all_.words()


def test_settings_are_told_by_what_is_on() -> None:
    assert settings_of(SamplerValues()) == "nothing on"
    values = SamplerValues(temperature=0.7, top_k=5, banned_tokens=(1, 2))
    assert settings_of(values) == "temperature 0.7, top_k 5, banned_tokens of 2 tokens"
    assert settings_of(replace(values, order="llama.cpp")).endswith("order llama.cpp")


def test_a_seed_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="whole numbers from 0"):
        lab(SamplerValues(), seed=-1)
