"""All views: in which tab each stands, how it is read, and how it is made.

From here come the tabs of page and panel, the `show_` functions of notebooks, the
gallery, and their documents. `index` is a new token, -1 the last one, `position` one of
prompt and answer together; `sliding_window` reads the text under another window than
the run's. Each raises ValueError, in words fit to show, where there is nothing to see.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from playground.models import text_numbers
from playground.models.interpretability.greedy_texts import greedy_texts
from playground.models.places import whole
from playground.samplers import SamplerValues
from playground.samplers.choice import is_search, sampler_of
from playground.views.attention import (
    AttentionView,
    LayerView,
    attention_view,
    layer_view,
)
from playground.views.band_mask import BandMaskView, band_mask_view
from playground.views.beam_tree import BeamTreeView, beam_tree_view
from playground.views.candidates import CandidatesView, candidates_view
from playground.views.comparison import ComparisonView, comparison_view
from playground.views.contrastive import ContrastiveView, contrastive_view
from playground.views.declaration import HINTS, VIEWS, choices_of, in_tab, view
from playground.views.head_finder import HeadFinderView, head_finder_view
from playground.views.head_groups import HeadGroupsView, head_groups_view
from playground.views.key_similarity import KeySimilarityView, Kind, key_similarity_view
from playground.views.logit_lens import LogitLensView, logit_lens_view
from playground.views.mass_cut import MassCutView, mass_cut_view
from playground.views.memory import MemoryView, memory_view
from playground.views.reach import ReachView, reach_view
from playground.views.ring import RingView, ring_view
from playground.views.rollout import RolloutView, rollout_view
from playground.views.salience import SalienceView, salience_view
from playground.views.sampler_lab import SamplerLabView, sampler_lab_view
from playground.views.sampler_table import SamplerTableView, sampler_table_view
from playground.views.subject import Subject
from playground.views.text_units import Unit, text_units
from playground.views.token_spans import TokenSpansView, records_of, token_spans_view
from playground.views.what_if import WhatIfView, what_if_view, windows_to_try
from playground.views.window_ruler import RulerView, ruler_view

__all__ = ["HINTS", "VIEWS", "choices_of", "in_tab"]

LENS_POSITIONS = 8
GREEDY_TOKENS = 24
"""Of each text that greedy search writes for `windows`."""


@view(
    "Tokens",
    how_to_read="The answer as the model saw it: a pale token was to be expected, a "
    "dark one was a surprise.",
)
def tokens(subject: Subject, score: str = "probability") -> TokenSpansView:
    """The text, each token shaded by one of `playground.views.token_spans.SCORES`."""
    try:
        numbers = text_numbers(subject.text(length=subject.num_prompt))
        records = records_of(numbers, subject.num_prompt)
    except ValueError:  # too long to be read again
        records = ()
    return token_spans_view(subject.tokenizer, subject.run, records, score)


@view(
    "Candidates",
    how_to_read="What else the model could have said in this place, before and after "
    "the sampler.",
)
def candidates(
    subject: Subject, index: int = -1
) -> CandidatesView | BeamTreeView | ContrastiveView:
    """What a new token was chosen from; of a search, what it compared."""
    run, index = subject.run, subject.new_token(index)
    if run.beams_seen:
        return beam_tree(subject)
    if run.compared and index >= run.answered:
        return contrastive(subject, index)
    record = run.records[index]
    if record is None:
        raise ValueError(
            f"Nothing was recorded of new token {index}: a user, a search or a sampler "
            "in Python chose it, or the run did not record."
        )
    return candidates_view(subject.tokenizer, record, run.token_ids[index], index)


@view(
    "",
    how_to_read="A beam search grows from left to right; a path that stops early was "
    "given up for a better one.",
)
def beam_tree(subject: Subject) -> BeamTreeView:
    """The texts that a beam search kept, and those that it gave up."""
    return beam_tree_view(subject.tokenizer, subject.run.beams_seen)


@view(
    "",
    how_to_read="To the right what speaks for a candidate, to the left what it loses "
    "because it repeats what was said; the diamond is what is left.",
)
def contrastive(subject: Subject, index: int = -1) -> ContrastiveView:
    """What contrastive search compared for a new token."""
    run, index = subject.run, subject.new_token(index)
    seen = run.compared[index - run.answered :] if index >= run.answered else []
    if not seen:
        raise ValueError(f"No contrastive search chose new token {index}.")
    token_id, alpha = run.token_ids[index], run.settings.alpha
    return contrastive_view(subject.tokenizer, seen[0], token_id, alpha, index)


@view(
    "Sampler lab",
    how_to_read="One place of the text, stage by stage from left to right: what each "
    "part of the sampler leaves, and how the rest shares the probability.",
)
def sampler_lab(subject: Subject, index: int = -1, **settings: Any) -> SamplerLabView:
    """A new token's place through another chain, stage by stage.

    `settings` change those of the run; nothing is generated for it.
    """
    return sampler_lab_view(**_place_of_draw(subject, index, settings))


@view(
    "Sampler lab",
    how_to_read="The same logits through every sampler: how many tokens each would "
    "leave, and which one it would take.",
)
def samplers(subject: Subject, index: int = -1, **settings: Any) -> SamplerTableView:
    """What every sampler would draw there, with the same seed."""
    return sampler_table_view(**_place_of_draw(subject, index, settings))


@view("Compare", how_to_read="The answers side by side, and where they part.")
def comparison(subjects: Sequence[Subject]) -> ComparisonView:
    """Answers side by side, and where they part; mostly of one prompt and seed."""
    if not subjects:
        raise ValueError("A comparison has at least one run, got none.")
    runs = [subject.run for subject in subjects]
    return comparison_view(subjects[0].tokenizer, runs)


@view(
    "Window",
    "Ruler",
    how_to_read="Read the text as usual: the darkest part is seen directly, the paler "
    "one only through other tokens, the rest not at all.",
)
def ruler(subject: Subject, sliding_window: int | None = None) -> RulerView:
    """Which tokens the next one can see: directly, through layers, not at all."""
    window = subject.window_of(sliding_window)
    return ruler_view(subject.labels, subject.num_prompt, window)


@view(
    "Window",
    "Mask",
    how_to_read="Each row is a token that looks back; the coloured part of the row is "
    "what it sees, and the hatched part what a shorter window would hide.",
)
def mask(subject: Subject, shorter: int | None = None) -> BandMaskView:
    """Which tokens see which, and what a shorter window would hide."""
    return band_mask_view(
        subject.labels, subject.num_prompt, subject.window, shorter=shorter
    )


@view(
    "Window",
    "Reach",
    how_to_read="Read from the top: what the token sees in the last layer, what those "
    "tokens have seen in the layer below, and so on.",
)
def reach(
    subject: Subject, position: int | None = None, sliding_window: int | None = None
) -> ReachView:
    """How far back a token depends on others, layer by layer.

    `position` is from 0; None is the last token.
    """
    return reach_view(subject.labels, subject.window_of(sliding_window), position)


@view(
    "Window",
    "Cut off",
    how_to_read="Above, each head: the darker, the more of its attention would go "
    "further back than the window lets it. Below, the same along the text.",
)
def mass_cut(subject: Subject, sliding_window: int | None = None) -> MassCutView:
    """How much attention the window takes away, by layer and head."""
    text = subject.text(sliding_window)
    layers = range(text.num_layers)
    return mass_cut_view(
        text, layers, subject.labels, subject.progress, subject.stopped
    )


@view(
    "Window",
    "What if",
    how_to_read="A row for each window. Left: how surprised the model is by the text. "
    "Middle: how much its next guesses change. Right: how long it would write the "
    "same.",
)
def windows(subject: Subject, windows: Sequence[int] | None = None) -> WhatIfView:
    """How well the text is predicted, and what is written, under other windows.

    Without `windows` some are tried.
    """
    text = subject.text()
    own, length = text.sliding_window, len(text)
    if windows is None:
        windows = windows_to_try(length, own)
    windows = sorted({own, *(min(whole("windows", w, 1), length) for w in windows)})
    waiting = subject.progress, subject.stopped
    greedy = greedy_texts(
        subject.engine,
        subject.run.prompt_token_ids,
        windows,
        GREEDY_TOKENS,
        progress=subject.progress,
        stopped=subject.stopped,
    )
    return what_if_view(text, subject.labels, windows, greedy, *waiting)


@view(
    "Heads",
    "Layer",
    how_to_read="All heads of a layer. A dark left edge rests on the first token, a "
    "dark diagonal stays with the last few.",
)
def layer(
    subject: Subject, layer: int, *, sliding_window: int | None = None
) -> LayerView:
    """All heads of one layer, small."""
    return layer_view(subject.text(sliding_window), layer)


@view(
    "Heads",
    "Head",
    how_to_read="Each row is a token, and its dark fields are where the head reads. An "
    "induction head looks from a word that was there before at what came after it "
    "then.",
)
def attention(
    subject: Subject,
    layer: int,
    head: int | None = None,
    *,
    by: Unit = "token",
    sliding_window: int | None = None,
) -> AttentionView | LayerView:
    """One head, token by token.

    Or between words or lines (`by`); without a `head` all of the layer, small.
    """
    if head is None and by != "token":
        raise ValueError(f"`by` is for one head: give a `head` too, got {by!r}.")
    text = subject.text(sliding_window)
    if head is None:
        return layer_view(text, layer)
    units = text_units(subject.tokenizer, subject.text_ids, by)
    return attention_view(text, layer, head, units, subject.num_prompt)


@view(
    "Heads",
    "Groups",
    how_to_read="The darker a field, the more two heads look alike. The heads in a "
    "frame share keys and values.",
)
def head_groups(subject: Subject, layer: int) -> HeadGroupsView:
    """How alike the heads are that share keys and values."""
    return head_groups_view(subject.text(), layer)


@view(
    "Heads",
    "Finder",
    how_to_read="Each field is a head of a layer. The ring marks the clearest of its "
    "kind, with layer and head.",
)
def head_kinds(subject: Subject) -> HeadFinderView:
    """What kind of head each one is: previous token, induction, sink ..."""
    text = subject.text()
    layers = range(text.num_layers)
    return head_finder_view(text, layers, subject.progress, subject.stopped)


@view(
    "Heads",
    "Rollout",
    how_to_read="From the bottom up: layer after layer the token takes in what is "
    "further back, never more than the window lets it.",
)
def rollout(
    subject: Subject, position: int = -1, *, sliding_window: int | None = None
) -> RolloutView:
    """Where all layers together look.

    From a position, from 0 or from the end.
    """
    text, at = subject.text(sliding_window), subject.position(position)
    return rollout_view(text, at, subject.labels, subject.progress, subject.stopped)


@view(
    "Heads",
    "Lens",
    how_to_read="From the bottom up: what the model would say if it stopped after that "
    "layer. The top row is what it says.",
)
def logit_lens(subject: Subject, position: int = -1) -> LogitLensView:
    """What each layer would say already.

    After the positions up to one, from 0 or from the end.
    """
    end = subject.position(position)
    near = range(max(0, end - LENS_POSITIONS + 1), end + 1)
    return logit_lens_view(subject.text(), subject.tokenizer, near)


@view(
    "Heads",
    "Salience",
    how_to_read="What made one token of the answer likely, by the model's gradients, "
    "which go through all of it and not only through attention.",
)
def salience(
    subject: Subject, index: int = -1, *, position: int | None = None
) -> SalienceView:
    """Which tokens a new token's probability depends on, by gradients.

    A `position` names any token of prompt and answer instead.
    """
    if position is None:
        at = subject.num_prompt + subject.new_token(index)
    else:
        at = subject.position(position)
    if at == 0:
        raise ValueError(
            "`position` must be after the first token, got 0: nothing comes before it. "
            "Choose a later one."
        )
    waiting = subject.progress, subject.stopped
    return salience_view(subject.text(), subject.tokenizer, at - 1, None, *waiting)


@view(
    "Heads",
    "Keys",
    heads="Key/value head",
    how_to_read="What a head finds by: two tokens whose keys point the same way are "
    "found by the same queries.",
)
def keys(
    subject: Subject, layer: int, head: int = 0, kind: Kind = "keys"
) -> KeySimilarityView:
    """How alike the tokens are to a key/value head."""
    return key_similarity_view(subject.text(), layer, head, subject.labels, kind)


@view(
    "Cache",
    how_to_read="Left the cache as it is at the end, right how it got there: each row "
    "is a moment, and time runs down.",
)
def ring(subject: Subject) -> RingView:
    """The ring of keys and values: which position lies in which slot."""
    programs = subject.model.programs
    return ring_view(
        subject.read_labels,
        subject.num_prompt,
        programs.window(subject.run.settings.sliding_window),
        programs.slots_for,
        chunks=programs.chunks,
    )


@view(
    "Cache",
    how_to_read="The filled bar is what this run took; the hatched ones are what it "
    "would have taken otherwise.",
)
def memory(subject: Subject) -> MemoryView:
    """What the ring and shared heads save."""
    programs, read = subject.model.programs, len(subject.read_labels)
    window = programs.window(subject.run.settings.sliding_window)
    slots = programs.slots_for(read, window)
    return memory_view(subject.model.backbone, read, slots, window, programs.chunks[-1])


def _place_of_draw(
    subject: Subject, index: int, changes: dict[str, Any]
) -> dict[str, Any]:
    """What the lab needs to draw a new token again with other settings."""
    run, index = subject.run, subject.new_token(index)
    settings = replace(run.settings, **{"seed": run.seed} | changes)
    position = subject.num_prompt + index
    if not position:
        raise ValueError(
            "What came before this token was left out. Choose a later one."
        )
    if is_search(settings):
        raise ValueError(
            "A search looks further than one token, so the lab cannot show it. "
            "Choose another sampler."
        )
    values = sampler_of(settings, subject.tokenizer.stop_token_ids).values()
    assert isinstance(values, SamplerValues)
    return {
        "tokenizer": subject.tokenizer,
        "logits": subject.text(length=position).logits(position - 1),
        "values": values,
        "seed": run.seed if settings.seed is None else settings.seed,
        "draw": run.earlier_tokens + index,
        "text_ids": subject.text_ids[:position],
    }
