"""Pictures of samplers and texts: what is drawn is what the view says."""

import io
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from playground.engine import Beam, Beams, Candidate, Finished, StageCount, TopToken
from playground.plots import figure, picture, token_spans
from playground.plots.style import style_for
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.views.beam_tree import BeamTreeView, beam_tree_view
from playground.views.candidates import CandidatesView, candidates_view
from playground.views.comparison import ComparisonView, comparison_view
from playground.views.contrastive import ContrastiveView, contrastive_view
from playground.views.sampler_lab import LabStage, SamplerLabView
from playground.views.sampler_table import YOURS, SamplerPick, SamplerTableView
from playground.views.token_spans import TokenSpansView, token_spans_view
from tests.views.small_records import record
from tests.views.small_vocabulary import AB, END, LOW, SPACE_LOW, byte, small_vocabulary

SMALL = small_vocabulary()
STYLE = style_for(dark=False, narrow=False)
HOSTILE = ("$x^2$", "<U+202E>", "日本", "🪟", "x" * 60, "", "\\frac", "a_b{")


def spans(count: int = 9) -> TokenSpansView:
    made = run(*[LOW, AB, byte("$")] * (count // 3))
    made.prompt_token_ids, made.prompt_text = (LOW, SPACE_LOW), "low low"
    made.records = [None, *[record(0.5 / n) for n in range(1, len(made.token_ids))]]
    return token_spans_view(SMALL, made)


def run(*token_ids: int, **settings: Any) -> Transcript:
    made = Transcript(
        settings=GenerationSettings(**settings), seed=5, token_ids=list(token_ids)
    )
    made.text, made.finished = SMALL.detokenize(token_ids), Finished(reason="length")
    return made


def candidates() -> CandidatesView:
    top = (TopToken(LOW, 0.6, 0.75), TopToken(AB, 0.2, 0.25), TopToken(9, 0.1, 0.0))
    stages = (StageCount("model", 262, 1.0), StageCount("top_k", 2, 0.8))
    return candidates_view(SMALL, record(0.2, rank=2, top=top, stages=stages), AB)


def lab(labels: tuple[str, ...] = ("a", "b", "c"), stages: int = 3) -> SamplerLabView:
    before = np.linspace(0.5, 0.1, len(labels))
    after = np.where(np.arange(len(labels)) < 2, before / before[:2].sum(), 0)
    left = [LabStage(stage="model", probabilities=before, tokens=97, kept=1.0)]
    left += [LabStage(stage="top_k", probabilities=after, tokens=2, kept=0.8)] * (
        stages - 1
    )
    return SamplerLabView(
        token_ids=tuple(range(len(labels))),
        labels=labels,
        stages=tuple(left),
        pick=1,
        pick_label=labels[1],
        seed=3,
        draw=0,
    )


def table(labels: tuple[str, ...] = ("a", "b", "c")) -> SamplerTableView:
    def pick(name: str, token_id: int, *shares: float) -> SamplerPick:
        rest = [0.0] * (len(labels) - len(shares))
        return SamplerPick(
            name=name,
            settings="temperature 1",
            token_id=token_id,
            pick_label="a",
            probability=0.5,
            model_probability=0.4,
            rank=1,
            tokens=len(shares),
            kept=0.7,
            probabilities=np.array([*shares, *rest]),
        )

    picks = (pick("greedy", 0, 1.0), pick(YOURS, 77, 0.5, 0.25))
    return SamplerTableView(
        token_ids=tuple(range(len(labels))), labels=labels, picks=picks, seed=3, draw=0
    )


def comparison(*others: tuple[int, ...]) -> ComparisonView:
    texts = ((LOW, AB, AB), *(others or [(LOW, LOW, AB)]))
    names = [{"sampler": "greedy"}, {"sampler": "top_p"}, {"sampler": "random"}]
    runs = [run(*ids, **k) for ids, k in zip(texts, names, strict=False)]
    return comparison_view(SMALL, runs)


def beams(steps: int = 3) -> BeamTreeView:
    events = []
    for n in range(steps):
        best = Beam((LOW,) * (n + 1), -0.5 * (n + 1))
        second = Beam((*(LOW,) * n, END), -2.0 - n, is_finished=True)
        third = Beam((*(LOW,) * n, AB), -3.0 - n)
        made = Beams(
            index=n, beams=(best, second), pruned=(third,), tokens_per_second=1.0
        )
        events.append(made)
    return beam_tree_view(SMALL, events)


def contrastive() -> ContrastiveView:
    made = [Candidate(LOW, 0.5, 0.9, -0.34), Candidate(AB, 0.3, 0.4, -0.12)]
    return contrastive_view(SMALL, made, AB, alpha=0.6)


VIEWS = {
    "spans": spans,
    "candidates": candidates,
    "lab": lab,
    "table": table,
    "comparison": comparison,
    "beams": beams,
    "contrastive": contrastive,
}


def words_of(made: Figure) -> set[str]:
    """All that is lettered in the axes."""
    return {text.get_text() for axes in made.axes for text in axes.texts}


def boxes(made: Figure) -> list[Rectangle]:
    found = made.axes[0].patches
    return [patch for patch in found if isinstance(patch, Rectangle)]


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("narrow", [False, True])
def test_each_view_is_drawn_and_says_what_it_shows(name: str, narrow: bool) -> None:
    view = VIEWS[name]()
    # Dark on the phone and light on the page: each is drawn once.
    image = Image.open(io.BytesIO(picture(view, scale=1.0, dark=narrow, narrow=narrow)))
    assert image.width == (360 if narrow else 720)
    assert image.info["Title"] == view.title
    assert image.info["Description"] == view.words()
    assert image.height < 1200


def test_spans_are_shaded_by_their_score() -> None:
    view = spans()
    shaded = [span for span in view.spans if span.shades]
    made = boxes(figure(view))
    assert len(made) == len(shaded) == 8
    lightness = [sum(box.get_facecolor()[:3]) for box in made]
    by_shade = sorted(range(8), key=lambda n: shaded[n].shades["probability"])
    assert by_shade == sorted(range(8), key=lambda n: -lightness[n])
    assert r"\$" in words_of(figure(view))


def test_a_long_text_is_drawn_from_its_end_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(token_spans, "MOST_TOKENS", 40)
    made = figure(spans(60))
    assert len(boxes(made)) == 40
    said = " ".join(text.get_text() for text in made.texts).replace("\n", " ")
    assert "The first 22 tokens are left out here." in said


def test_candidates_have_bars_of_their_probabilities() -> None:
    funnel, bars = figure(candidates()).axes
    widths = [bar.get_width() for bar in bars.patches]
    assert widths == pytest.approx([0.6, 0.75, 0.2, 0.25, 0.1, 0])
    assert [bar.get_width() for bar in funnel.patches] == [1, 1.0, 1, 0.8]
    assert "20.0% → 25.0%  ◂ chosen" in words_of(figure(candidates()))
    assert "10.0% → dropped" in words_of(figure(candidates()))


def test_stages_show_losers_in_grey_as_long_as_they_were() -> None:
    made = boxes(figure(lab(stages=2)))
    before, after = made[:3], made[3:]
    widths = [bar.get_width() for bar in after]
    assert widths[2] == pytest.approx(before[2].get_width())
    assert widths[0] / widths[1] == pytest.approx(0.5 / 0.3)
    grey = figure(lab(stages=2)).axes[0].patches[5].get_facecolor()
    assert grey != after[0].get_facecolor()


def test_the_table_has_all_others_in_its_last_column() -> None:
    axes = figure(table()).axes[0]
    (shares,) = (np.asarray(image.get_array()) for image in axes.images)
    np.testing.assert_allclose(shares, [[1, 0, 0, 0], [0.5, 0.25, 0, 0.25]])
    # Each pick is framed: token 0 of the first row, one of the others of the second.
    frames = [line.get_xdata() for line in axes.lines]
    assert [float(np.mean(frame[:4])) for frame in frames] == pytest.approx([0, 3])


def test_the_token_where_texts_part_has_a_colour_of_its_own() -> None:
    warm = figure(comparison((LOW, AB, AB), (AB,))).axes[0].patches
    colors = [box.get_facecolor() for box in warm]
    same = figure(comparison((LOW, AB, AB))).axes[0].patches
    assert len({box.get_facecolor() for box in same}) == 1
    assert len(colors) == 7
    assert colors[6] not in colors[:6]  # the third run's first token
    parting = figure(comparison((LOW, LOW, AB))).axes[0].patches
    shared, warm, behind = (box.get_facecolor() for box in parting[3:])
    assert len({shared, warm, behind}) == 3
    assert shared == parting[0].get_facecolor()


def test_the_beam_tree_has_a_box_for_each_node_and_ends_are_marked() -> None:
    view = beams()
    made = figure(view)
    assert len(boxes(made)) == len(view.nodes) == 9
    assert "<|end… ■" in words_of(made) or "<|end|> ■" in words_of(made)
    narrow = figure(beams(30), narrow=True)
    assert len(boxes(narrow)) == 3 * 5


def test_confidence_and_penalty_point_apart() -> None:
    view = contrastive()
    widths = [bar.get_width() for bar in boxes(figure(view))]
    assert widths == pytest.approx([0.2, -0.54, 0.12, -0.24])
    marks = [line.get_xdata()[0] for line in figure(view).axes[0].lines[:2]]
    assert marks == pytest.approx([-0.34, -0.12])


def test_labels_of_any_kind_are_drawn_as_they_are() -> None:
    for view in (lab(HOSTILE, stages=4), table(HOSTILE)):
        assert picture(view, "svg", narrow=True).startswith(b"<?xml")
