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
from playground.samplers import SamplerValues
from playground.samplers.choice import is_search, sampler_of
from playground.views.attention import (
    attention_view,
    layer_view,
)
from playground.views.band_mask import band_mask_view
from playground.views.beam_tree import beam_tree_view
from playground.views.candidates import candidates_view
from playground.views.comparison import comparison_view
from playground.views.contrastive import contrastive_view
from playground.views.declaration import HINTS, VIEWS, choices_of, in_tab, view
from playground.views.head_finder import head_finder_view
from playground.views.head_groups import head_groups_view
from playground.views.key_similarity import Kind, key_similarity_view
from playground.views.logit_lens import logit_lens_view
from playground.views.mass_cut import mass_cut_view
from playground.views.memory import memory_view
from playground.views.reach import reach_view
from playground.views.ring import ring_view
from playground.views.rollout import rollout_view
from playground.views.salience import salience_view
from playground.views.sampler_lab import sampler_lab_view
from playground.views.sampler_table import sampler_table_view
from playground.views.subject import Subject
from playground.views.text_units import Unit, text_units
from playground.views.token_spans import records_of, token_spans_view
from playground.views.view import View
from playground.views.what_if import what_if_view, windows_tried
from playground.views.window_ruler import ruler_view

__all__ = ["HINTS", "VIEWS", "choices_of", "in_tab"]

LENS_POSITIONS = 8
GREEDY_TOKENS = 24
"""Of each text that greedy search writes for `windows`."""


@view("Tokens")
def tokens(subject: Subject, score: str = "probability") -> View:
    """The text, each token shaded by a score.

    The answer as the model saw it: a pale token was to be expected, a dark one was a
    surprise.

    `score` is one of `playground.views.token_spans.SCORES`.
    """
    try:
        numbers = text_numbers(subject.text(length=subject.num_prompt))
        records = records_of(numbers, subject.num_prompt)
    except ValueError:  # too long to be read again
        records = ()
    return token_spans_view(subject.tokenizer, subject.run, records, score)


@view("Candidates")
def candidates(subject: Subject, index: int = -1) -> View:
    """What a new token was chosen from; of a search, what it compared.

    What else the model could have said in this place, before and after the sampler.
    """
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


@view("")
def beam_tree(subject: Subject) -> View:
    """The texts that a beam search kept, and those that it gave up.

    A beam search grows from left to right; a path that stops early was given up for
    a better one.
    """
    return beam_tree_view(subject.tokenizer, subject.run.beams_seen)


@view("")
def contrastive(subject: Subject, index: int = -1) -> View:
    """What contrastive search compared for a new token.

    To the right what speaks for a candidate, to the left what it loses because it
    repeats what was said; the diamond is what is left.
    """
    run, index = subject.run, subject.new_token(index)
    seen = run.compared[index - run.answered :] if index >= run.answered else []
    if not seen:
        raise ValueError(f"No contrastive search chose new token {index}.")
    token_id, alpha = run.token_ids[index], run.settings.alpha
    return contrastive_view(subject.tokenizer, seen[0], token_id, alpha, index)


@view("Sampler lab")
def sampler_lab(subject: Subject, index: int = -1, **settings: Any) -> View:
    """A new token's place through another chain, stage by stage.

    One place of the text, stage by stage from left to right: what each part of the
    sampler leaves, and how the rest shares the probability.

    `settings` change those of the run; nothing is generated for it.
    """
    return sampler_lab_view(**_place_of_draw(subject, index, settings))


@view("Sampler lab")
def samplers(subject: Subject, index: int = -1, **settings: Any) -> View:
    """What every sampler would draw there, with the same seed.

    The same logits through every sampler: how many tokens each would leave, and
    which one it would take.
    """
    return sampler_table_view(**_place_of_draw(subject, index, settings))


@view("Compare")
def comparison(subjects: Sequence[Subject]) -> View:
    """Answers side by side, and where they part; mostly of one prompt and seed.

    The answers side by side, and where they part.
    """
    if not subjects:
        raise ValueError("A comparison has at least one run, got none.")
    runs = [subject.run for subject in subjects]
    return comparison_view(subjects[0].tokenizer, runs)


@view("Window", "Ruler")
def ruler(subject: Subject, sliding_window: int | None = None) -> View:
    """Which tokens the next one can see: directly, through layers, not at all.

    Read the text as usual: the darkest part is seen directly, the paler one only
    through other tokens, the rest not at all.
    """
    window = subject.window_of(sliding_window)
    return ruler_view(subject.labels, subject.num_prompt, window)


@view("Window", "Mask")
def mask(subject: Subject, shorter: int | None = None) -> View:
    """Which tokens see which, and what a shorter window would hide.

    Each row is a token that looks back; the coloured part of the row is what it
    sees, and the hatched part what a shorter window would hide.
    """
    return band_mask_view(
        subject.labels, subject.num_prompt, subject.window, shorter=shorter
    )


@view("Window", "Reach")
def reach(
    subject: Subject, position: int | None = None, sliding_window: int | None = None
) -> View:
    """How far back a token depends on others, layer by layer.

    Read from the top: what the token sees in the last layer, what those tokens have
    seen in the layer below, and so on.

    `position` is from 0; None is the last token.
    """
    return reach_view(subject.labels, subject.window_of(sliding_window), position)


@view("Window", "Cut off")
def mass_cut(subject: Subject, sliding_window: int | None = None) -> View:
    """How much attention the window takes away, by layer and head.

    Above, each head: the darker, the more of its attention would go further back
    than the window lets it. Below, the same along the text.
    """
    text = subject.text(sliding_window)
    layers = range(text.num_layers)
    return mass_cut_view(text, layers, subject.labels, subject.waiting)


@view("Window", "What if")
def windows(subject: Subject, windows: Sequence[int] | None = None) -> View:
    """How well the text is predicted, and what is written, under other windows.

    A row for each window. Left: how surprised the model is by the text. Middle: how
    much its next guesses change. Right: how long it would write the same.

    Without `windows` some are tried.
    """
    text = subject.text()
    windows = windows_tried(windows, len(text), text.sliding_window)
    prompt, (progress, stopped) = subject.run.prompt_token_ids, subject.waiting
    greedy = greedy_texts(
        *(subject.engine, prompt, windows, GREEDY_TOKENS),
        progress=progress,
        stopped=stopped,
    )
    return what_if_view(text, subject.labels, windows, greedy, subject.waiting)


@view("Heads", "Layer")
def layer(subject: Subject, layer: int, *, sliding_window: int | None = None) -> View:
    """All heads of one layer, small.

    All heads of a layer. A dark left edge rests on the first token, a dark diagonal
    stays with the last few.
    """
    return layer_view(subject.text(sliding_window), layer)


@view("Heads", "Head")
def attention(
    subject: Subject,
    layer: int,
    head: int | None = None,
    *,
    by: Unit = "token",
    sliding_window: int | None = None,
) -> View:
    """One head, token by token.

    Each row is a token, and its dark fields are where the head reads. An induction
    head looks from a word that was there before at what came after it then.

    Or between words or lines (`by`); without a `head` all of the layer, small.
    """
    if head is None and by != "token":
        raise ValueError(f"`by` is for one head: give a `head` too, got {by!r}.")
    text = subject.text(sliding_window)
    if head is None:
        return layer_view(text, layer)
    units = text_units(subject.tokenizer, subject.text_ids, by)
    return attention_view(text, layer, head, units, subject.num_prompt)


@view("Heads", "Groups")
def head_groups(subject: Subject, layer: int) -> View:
    """How alike the heads are that share keys and values.

    The darker a field, the more two heads look alike. The heads in a frame share
    keys and values.
    """
    return head_groups_view(subject.text(), layer)


@view("Heads", "Finder")
def head_kinds(subject: Subject) -> View:
    """What kind of head each one is: previous token, induction, sink ...

    Each field is a head of a layer. The ring marks the clearest of its kind, with
    layer and head.
    """
    text = subject.text()
    layers = range(text.num_layers)
    return head_finder_view(text, layers, subject.waiting)


@view("Heads", "Rollout")
def rollout(
    subject: Subject, position: int = -1, *, sliding_window: int | None = None
) -> View:
    """Where all layers together look.

    From the bottom up: layer after layer the token takes in what is further back,
    never more than the window lets it.

    From a position, from 0 or from the end.
    """
    text, at = subject.text(sliding_window), subject.position(position)
    return rollout_view(text, at, subject.labels, subject.waiting)


@view("Heads", "Lens")
def logit_lens(subject: Subject, position: int = -1) -> View:
    """What each layer would say already.

    From the bottom up: what the model would say if it stopped after that layer. The
    top row is what it says.

    After the positions up to one, from 0 or from the end.
    """
    end = subject.position(position)
    near = range(max(0, end - LENS_POSITIONS + 1), end + 1)
    return logit_lens_view(subject.text(), subject.tokenizer, near)


@view("Heads", "Salience")
def salience(subject: Subject, index: int = -1, *, position: int | None = None) -> View:
    """Which tokens a new token's probability depends on, by gradients.

    What made one token of the answer likely, by the model's gradients, which go
    through all of it and not only through attention.

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
    text, tokenizer = subject.text(), subject.tokenizer
    return salience_view(text, tokenizer, at - 1, None, subject.waiting)


@view("Heads", "Keys", heads="Key/value head")
def keys(subject: Subject, layer: int, head: int = 0, kind: Kind = "keys") -> View:
    """How alike the tokens are to a key/value head.

    What a head finds by: two tokens whose keys point the same way are found by the
    same queries.
    """
    return key_similarity_view(subject.text(), layer, head, subject.labels, kind)


@view("Cache")
def ring(subject: Subject) -> View:
    """The ring of keys and values: which position lies in which slot.

    Left the cache as it is at the end, right how it got there: each row is a
    moment, and time runs down.
    """
    programs = subject.model.programs
    return ring_view(
        subject.read_labels,
        subject.num_prompt,
        programs.window(subject.run.settings.sliding_window),
        programs.slots_for,
        chunks=programs.chunks,
    )


@view("Cache")
def memory(subject: Subject) -> View:
    """What the ring and shared heads save.

    The filled bar is what this run took; the hatched ones are what it would have
    taken otherwise.
    """
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
