"""What the tabs show of a real run, on the small model that comes along."""

import gc
import re
import weakref
from collections.abc import Iterator

import pytest

from playground.engine import Engine
from playground.interface.explorer import Choices, Explorer, Focus
from playground.interface.view_html import view_html
from playground.models import MistralCausalLM
from playground.models.interpretability.text_reading import ExplainStopped
from playground.session import Session, start_engine
from playground.settings import GenerationSettings
from playground.views.beam_tree import BeamTreeView
from playground.views.candidates import CandidatesView
from playground.views.contrastive import ContrastiveView
from playground.views.explained_text import Waiting
from playground.views.registry import HINTS, choices_of
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
    assert explorer.name(in_prompt) == "Token 0, of the prompt: <s>"
    at = len(explorer.run.prompt_token_ids) + 2
    assert explorer.position(Focus(index=2)) == at
    assert explorer.name(Focus(index=2)).startswith(f"Token {at}, new token 2: ")


def test_the_lab_draws_what_was_drawn_under_the_same_settings(
    explorer: Explorer,
) -> None:
    for index in (0, 5):
        choices = Choices(focus=Focus(index=index), settings=SETTINGS)
        lab, _ = explorer.tab("Sampler lab", choices=choices)
        assert isinstance(lab, SamplerLabView)
        assert lab.pick is not None
        assert lab.token_ids[lab.pick] == explorer.run.token_ids[index]


def test_candidates_are_those_that_were_recorded(explorer: Explorer) -> None:
    (view,) = explorer.tab("Candidates", choices=Choices(focus=Focus(index=1)))
    assert isinstance(view, CandidatesView)
    assert view.chosen.token_id == explorer.run.token_ids[1]


def test_all_tokens_of_the_prompt_but_the_first_have_their_surprisal(
    explorer: Explorer,
) -> None:
    (view,) = explorer.tab("Tokens")
    assert isinstance(view, TokenSpansView)
    known = ["surprisal" in span.scores for span in view.spans]
    assert known == [False, *[True] * (len(known) - 1)]


IN_TABS = [
    (tab, choice)
    for tab in HINTS
    for choice in (choices_of(tab) or [""])
    if tab != "Compare"
]


@pytest.mark.parametrize(("tab", "choice"), IN_TABS)
def test_every_view_of_every_tab_is_drawn(
    explorer: Explorer, tab: str, choice: str
) -> None:
    last = 1 if choice == "Keys" else 3  # of key/value heads, or of query heads
    choices = Choices(focus=Focus(index=3), layer=2, head=last, settings=SETTINGS)
    for view in explorer.tab(tab, choice, choices):
        assert view.words()
        told = " ".join([view.title, view.words(), *view.table().columns])
        assert not re.search(r"\bnats\b|\bhangs\b|\bbinds?\b", told)
        assert "data:image/png" in view_html(view, dark=True, narrow=True)


@pytest.mark.parametrize(("layer", "head"), [(5, 0), (-1, 0), (0, 4)])
def test_a_place_that_is_not_there_is_refused(
    explorer: Explorer, layer: int, head: int
) -> None:
    with pytest.raises(ValueError, match=str(max(layer, head, key=abs))):
        explorer.tab("Heads", "Head", Choices(layer=layer, head=head))


def test_a_question_that_nobody_waits_for_ends(explorer: Explorer) -> None:
    explorer.forget()
    with pytest.raises(ExplainStopped):
        explorer.tab("Heads", "Layer", waiting=Waiting(stopped=lambda: True))
    assert explorer.view("layer", 0).words()


def test_a_text_is_read_once(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer.tab("Heads", "Layer")
    monkeypatch.setattr("playground.interface.explorer.explain", None)
    explorer.tab("Heads", "Rollout", Choices(focus=Focus(index=2)))
    explorer.tab("Sampler lab", choices=Choices(settings=SETTINGS))
    explorer.view("attention", layer=1, head=0)
    explorer.subject.text()


def test_no_view_decodes_the_answer_again(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each token's piece of the text was kept when it was drawn."""
    monkeypatch.setattr("playground.transcript.transcript.pieces_of", None)
    (view,) = explorer.tab("Tokens")
    assert isinstance(view, TokenSpansView)
    answer = [span.text for span in view.spans if not span.is_prompt]
    assert answer == explorer.run.pieces
    assert "".join(answer) == explorer.run.text


def test_one_reading_is_held_at_a_time(explorer: Explorer) -> None:
    """Of a long text of the default model it takes 320 MB."""
    own = weakref.ref(explorer.subject.text())
    assert explorer.subject.text() is own()
    other = weakref.ref(explorer.subject.text(sliding_window=3))
    explorer.view("attention", 1, 0, sliding_window=3)
    gc.collect()
    assert own() is None
    assert other() is not None
    assert explorer.subject.text(sliding_window=3) is other()
    explorer.view("head_kinds")
    gc.collect()
    assert other() is None
    assert explorer.holds_text


def test_of_a_search_the_tabs_show_what_it_compared(
    small: Engine[MistralCausalLM],
) -> None:
    session = Session(small, record=True)
    explorer = Explorer(session)
    for sampler, kind in (("beam", BeamTreeView), ("contrastive", ContrastiveView)):
        settings = GenerationSettings(chat=False, sampler=sampler, max_new_tokens=3)
        list(session.generate(PROMPT, settings))
        assert isinstance(explorer.view("candidates", 1), kind)
        with pytest.raises(ValueError, match="search"):
            explorer.tab("Sampler lab", choices=Choices(settings=settings))


def test_there_is_nothing_to_see_before_the_first_token(
    small: Engine[MistralCausalLM],
) -> None:
    with pytest.raises(ValueError, match="Generate something first"):
        Explorer(Session(small)).tab("Candidates")


def test_a_token_of_the_prompt_was_not_drawn(explorer: Explorer) -> None:
    choices = Choices(focus=Focus(index=0, in_prompt=True))
    with pytest.raises(ValueError, match="You wrote this token"):
        explorer.tab("Candidates", choices=choices)


def test_nothing_made_the_first_token_likely(explorer: Explorer) -> None:
    with pytest.raises(ValueError, match="nothing comes before it"):
        explorer.view("salience", position=0)
    by_position = explorer.view("salience", position=explorer.subject.num_prompt + 2)
    assert by_position.words() == explorer.view("salience", 2).words()


def test_a_contrastive_step_is_refused_where_no_such_search_was(
    explorer: Explorer,
) -> None:
    with pytest.raises(ValueError, match="No contrastive search chose new token 3"):
        explorer.view("contrastive", 3)
