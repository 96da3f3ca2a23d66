"""The tree of a beam search: the example of engine/beam_search.py, and a real one."""

import numpy as np
import pytest

from playground.engine import Beam, Beams, Request, decode
from playground.engine.programs import Programs
from playground.models import MistralCausalLM
from playground.samplers import BeamSampler
from playground.views.amounts import bits
from playground.views.beam_tree import FATES, BeamTreeView, beam_tree_view
from tests.views.small_vocabulary import END, byte, small_vocabulary

SMALL = small_vocabulary()
A, B = byte("a"), byte("b")


def beam(*token_ids: int, score: float) -> Beam:
    return Beam(token_ids, score, token_ids[-1] == END)


def step(index: int, beams: list[Beam], pruned: list[Beam]) -> Beams:
    return Beams(
        index=index, beams=tuple(beams), pruned=tuple(pruned), tokens_per_second=1.0
    )


ENDED = beam(B, END, score=-1.4)
SEARCH = [
    step(0, [beam(A, score=-0.5), beam(B, score=-1.2)], [beam(END, score=-2.3)]),
    step(1, [beam(A, B, score=-1.2), ENDED], [beam(A, A, score=-1.7)]),
    step(2, [beam(A, B, A, score=-1.3), ENDED], [beam(A, B, B, score=-4.0)]),
]


def told(view: BeamTreeView) -> dict[tuple[int, ...], str]:
    return {node.token_ids: node.fate for node in view.nodes}


def test_every_text_has_the_fate_that_it_met() -> None:
    assert told(beam_tree_view(SMALL, SEARCH)) == {
        (A,): "best",
        (B,): "kept",
        (END,): "pruned",
        (A, B): "best",
        (B, END): "kept",
        (A, A): "pruned",
        (A, B, A): "best",
        (A, B, B): "pruned",
    }


def test_a_text_that_was_kept_and_then_overtaken_is_lost() -> None:
    more = step(3, [beam(A, B, A, A, score=-1.5), beam(A, B, A, B, score=-1.6)], [])
    fates = told(beam_tree_view(SMALL, [*SEARCH, more]))
    assert fates[(B,)] == fates[(B, END)] == "lost"
    assert fates[A, B, A, B] == "kept"


def test_nodes_know_their_parents_and_stand_by_step_and_score() -> None:
    view = beam_tree_view(SMALL, SEARCH)
    assert [node.step for node in view.nodes] == [1, 1, 1, 2, 2, 2, 3, 3]
    for node in view.nodes:
        if node.parent is None:
            assert node.step == 1
        else:
            assert view.nodes[node.parent].token_ids == node.token_ids[:-1]
    for number in (1, 2, 3):
        scores = [view.nodes[n].log_probability for n in view.of_step(number)]
        assert scores == sorted(scores, reverse=True)
    assert [n.label for n in view.nodes if n.is_finished] == ["<|end|>", "<|end|>"]


def test_only_the_last_steps_are_shown_and_the_best_text_whole() -> None:
    view = beam_tree_view(SMALL, SEARCH, steps=2)
    assert (view.first_step, view.num_steps) == (2, 3)
    assert {node.step for node in view.nodes} == {2, 3}
    assert view.nodes[0].parent is None
    assert view.best_text == ("a", "b", "a")
    assert view.title == "The texts of a beam search, steps 2 to 3"


def test_a_best_text_that_ended_early_is_still_told() -> None:
    first = beam(END, score=-0.1)
    events = [step(0, [first, beam(A, score=-1)], [])]
    events += [step(1, [first, beam(A, A, score=-2)], [beam(A, B, score=-3)])]
    view = beam_tree_view(SMALL, events, steps=1)
    assert (view.best_text, view.log_probability) == (("<|end|>",), -0.1)
    assert told(view) == {(A, A): "kept", (A, B): "pruned"}


def test_words_and_table_count_them() -> None:
    view = beam_tree_view(SMALL, SEARCH)
    assert view.words() == (
        "The best text ends in aba, with a log-probability of -1.88 bits. Other nodes: "
        "2 in another text that was kept to the end, 3 looked at, never kept."
    )
    table = view.table()
    assert table.rows[0] == (0, "", 1, "a", A, bits(-0.5), FATES["best"], "")
    assert table.rows[4][:5] == (4, 1, 2, "<|end|>", END)
    assert table.rows[4][-1] == "ended"


def test_no_step_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        beam_tree_view(SMALL, [])


@pytest.mark.slow
def test_a_real_search_keeps_as_many_as_it_has_beams(tiny: MistralCausalLM) -> None:
    request = Request(
        token_ids=(5, 6, 7),
        max_new_tokens=9,  # longer than the window of 7
        sampler=BeamSampler(num_beams=3).values(),
        seed=0,
        stop_token_ids=frozenset(),
    )
    programs = Programs(tiny, chunks=(2, 5), first_slots=4)
    events = [e for e in decode(programs, request) if isinstance(e, Beams)]
    view = beam_tree_view(SMALL, events)
    for number in range(2, 10):
        nodes = [view.nodes[n] for n in view.of_step(number)]
        kept = [node for node in nodes if node.fate != "pruned"]
        assert len(kept) == 3
        assert len(nodes) == 6
        assert sum(node.fate == "best" for node in nodes) == 1
        worst = min(node.log_probability for node in kept)
        assert all(n.log_probability <= worst for n in nodes if n.fate == "pruned")
    scores = np.array([n.log_probability for n in view.nodes if n.fate == "best"])
    assert (np.diff(scores) < 0).all()
