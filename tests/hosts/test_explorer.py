"""What the tabs show of a real run, on the small model that comes along."""

from collections.abc import Iterator

import pytest

from playground.engine import Engine
from playground.hosts.explorer import HEADS_VIEWS, WINDOW_VIEWS, Explorer, Focus
from playground.hosts.view_html import view_html
from playground.models import MistralCausalLM
from playground.models.interpretability.text_reading import ExplainStopped
from playground.session import Session, start_engine
from playground.settings import GenerationSettings
from playground.views.beam_tree import BeamTreeView
from playground.views.candidates import CandidatesView
from playground.views.contrastive import ContrastiveView
from playground.views.sampler_lab import SamplerLabView
from playground.views.token_spans import TokenSpansView

SETTINGS = GenerationSettings(chat=False, seed=3, max_new_tokens=8)
PROMPT = "KING HENRY.\nWhat news from France, my lord? "


@pytest.fixture(scope="module")
def small() -> Iterator[Engine[MistralCausalLM]]:
    engine = start_engine("shakespeare_mistral", warm_length=0)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def explorer(small: Engine[MistralCausalLM]) -> Explorer:
    session = Session(small, record=True)
    list(session.generate(PROMPT, SETTINGS))
    return Explorer(session)


def test_the_last_token_is_looked_at_unless_another_is_wanted(
    explorer: Explorer,
) -> None:
    assert explorer.focus(None) == Focus(index=7)
    assert explorer.focus(Focus(index=2)) == Focus(index=2)
    assert explorer.focus(Focus(index=99)) == Focus(index=7)
    in_prompt = Focus(index=0, in_prompt=True)
    assert explorer.focus(in_prompt) == in_prompt
    assert explorer.name(in_prompt).startswith("Prompt token 1 of ")


def test_the_lab_draws_what_was_drawn_under_the_same_settings(
    explorer: Explorer,
) -> None:
    for index in (0, 5):
        lab, _ = explorer.sampler_lab(Focus(index=index), SETTINGS)
        assert isinstance(lab, SamplerLabView)
        assert lab.pick is not None
        assert lab.token_ids[lab.pick] == explorer.run.token_ids[index]


def test_candidates_are_those_that_were_recorded(explorer: Explorer) -> None:
    view = explorer.candidates(Focus(index=1))
    assert isinstance(view, CandidatesView)
    assert view.chosen.token_id == explorer.run.token_ids[1]


def test_all_tokens_of_the_prompt_but_the_first_have_their_surprisal(
    explorer: Explorer,
) -> None:
    view = explorer.tokens()
    assert isinstance(view, TokenSpansView)
    known = ["surprisal" in span.scores for span in view.spans]
    assert known == [False, *[True] * (len(known) - 1)]


@pytest.mark.parametrize("which", WINDOW_VIEWS)
def test_every_view_of_the_window_is_drawn(explorer: Explorer, which: str) -> None:
    view = explorer.window(which, Focus(index=3))
    assert view.words()
    assert "data:image/png" in view_html(view)


@pytest.mark.parametrize("which", HEADS_VIEWS)
def test_every_view_of_the_heads_is_drawn(explorer: Explorer, which: str) -> None:
    last = 1 if which == "Keys" else 3  # of key/value heads, or of query heads
    view = explorer.heads(which, Focus(index=3), layer=2, head=last)
    assert view.words()
    assert "data:image/png" in view_html(view, dark=True, narrow=True)


@pytest.mark.parametrize(("layer", "head"), [(5, 0), (-1, 0), (0, 4)])
def test_a_place_that_is_not_there_is_refused(
    explorer: Explorer, layer: int, head: int
) -> None:
    with pytest.raises(ValueError, match=str(max(layer, head, key=abs))):
        explorer.heads("Head", Focus(index=0), layer, head)


def test_the_ring_and_its_memory_are_shown(explorer: Explorer) -> None:
    assert [view.words() for view in explorer.cache()]


def test_a_question_that_nobody_waits_for_ends(explorer: Explorer) -> None:
    explorer.forget()
    with pytest.raises(ExplainStopped):
        explorer.heads("Layer", Focus(index=0), 0, 0, stopped=lambda: True)
    assert explorer.heads("Layer", Focus(index=0), 0, 0).words()


def test_a_text_is_read_once(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer.heads("Layer", Focus(index=0), 0, 0)
    monkeypatch.setattr("playground.hosts.explorer.explain", None)
    explorer.heads("Rollout", Focus(index=2), 0, 0)
    explorer.sampler_lab(Focus(index=2), SETTINGS)


def test_of_a_search_the_tabs_show_what_it_compared(
    small: Engine[MistralCausalLM],
) -> None:
    session = Session(small, record=True)
    explorer = Explorer(session)
    for sampler, kind in (("beam", BeamTreeView), ("contrastive", ContrastiveView)):
        settings = GenerationSettings(chat=False, sampler=sampler, max_new_tokens=3)
        list(session.generate(PROMPT, settings))
        assert isinstance(explorer.candidates(Focus(index=1)), kind)
        with pytest.raises(ValueError, match="search"):
            explorer.sampler_lab(Focus(index=1), settings)


def test_there_is_nothing_to_see_before_the_first_token(
    small: Engine[MistralCausalLM],
) -> None:
    with pytest.raises(ValueError, match="Generate something first"):
        Explorer(Session(small)).candidates(Focus(index=0))


def test_a_token_of_the_prompt_was_not_drawn(explorer: Explorer) -> None:
    with pytest.raises(ValueError, match="You wrote this token"):
        explorer.candidates(Focus(index=0, in_prompt=True))
