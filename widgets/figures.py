"""What can be seen of a run, as plain functions: no panel needed.

    run = generate("smollm2_135m_instruct", "The sea is", max_new_tokens=20)
    show_attention(run, layer=3)

Each gives back a `Shown`: its picture is the value of a cell, `.view` has the numbers.
Layers, heads and tokens count from 0, as everywhere in Python. `index` is a new token,
-1 the last one, `position` one of prompt and answer together. `sliding_window` reads
the text under another window than the run's. ValueError says what there is, where
something is not there.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from playground.models.places import place
from playground.settings import GenerationSettings
from playground.views.attention import layer_view
from playground.views.comparison import comparison_view
from playground.views.head_finder import head_finder_view
from playground.views.head_groups import head_groups_view
from playground.views.key_similarity import key_similarity_view
from playground.views.logit_lens import logit_lens_view
from playground.views.mass_cut import mass_cut_view
from playground.views.rollout import rollout_view
from playground.views.salience import salience_view
from playground.views.text_units import Unit
from playground.views.what_if import what_if_view
from playground.views.window import Window, window_of
from widgets.run import Run
from widgets.shown import Shown

LENS_POSITIONS = 8


def show_tokens(run: Run, score: str = "probability") -> Shown:
    """The text, each token shaded by one of `playground.views.token_spans.SCORES`."""
    return Shown(run.views.token_spans(score))


def show_candidates(run: Run, index: int = -1) -> Shown:
    """What a new token was chosen from; of a search, what it compared."""
    return Shown(run.explorer.candidates(run.focus(index)))


def show_sampler_lab(run: Run, index: int = -1, **settings: Any) -> Shown:
    """A new token's place through another chain, stage by stage.

    `settings` change those of the run; nothing is generated for it.
    """
    return Shown(run.explorer.sampler_lab(run.focus(index), _like(run, settings))[0])


def show_samplers(run: Run, index: int = -1, **settings: Any) -> Shown:
    """What every sampler would draw there, with the same seed."""
    return Shown(run.explorer.sampler_lab(run.focus(index), _like(run, settings))[1])


def show_comparison(runs: Sequence[Run]) -> Shown:
    """Answers side by side, and where they part; mostly of one prompt and seed."""
    if not runs:
        raise ValueError("A comparison has at least one run, got none.")
    tokenizer = runs[0].views.tokenizer
    return Shown(comparison_view(tokenizer, [run.transcript for run in runs]))


def show_ruler(run: Run, sliding_window: int | None = None) -> Shown:
    """Which tokens the next one can see: directly, through layers, not at all."""
    return Shown(run.views.ruler(_window(run, sliding_window)))


def show_mask(run: Run, shorter: int | None = None) -> Shown:
    """Who sees whom, and what a `shorter` window would hide."""
    return Shown(run.views.band_mask(shorter))


def show_reach(
    run: Run, position: int | None = None, sliding_window: int | None = None
) -> Shown:
    """How far back a token depends on others, layer by layer; None: the last one."""
    return Shown(run.views.reach(position, _window(run, sliding_window)))


def show_mass_cut(run: Run, sliding_window: int | None = None) -> Shown:
    """How much attention the window takes away, by layer and head."""
    explained, named = run.explained(sliding_window), run.views.labels
    return Shown(mass_cut_view(explained, range(explained.num_layers), named))


def show_windows(run: Run, windows: Sequence[int] | None = None) -> Shown:
    """How well the text is predicted under other windows; None: some to try."""
    return Shown(what_if_view(run.explained(), run.views.labels, windows))


def show_attention(
    run: Run,
    layer: int,
    head: int | None = None,
    *,
    by: Unit = "token",
    sliding_window: int | None = None,
) -> Shown:
    """One head's attention over the text; without a `head` all of the layer, small."""
    if head is None and by != "token":
        raise ValueError(f"`by` is for one head: give a `head` too, got {by!r}.")
    explained = run.explained(sliding_window)
    if head is None:
        return Shown(layer_view(explained, layer))
    return Shown(run.views.attention(explained, layer, head, by))


def show_head_groups(run: Run, layer: int) -> Shown:
    """How alike the heads are that share keys and values."""
    return Shown(head_groups_view(run.explained(), layer))


def show_head_kinds(run: Run) -> Shown:
    """What kind of head each one is: previous token, induction, sink ..."""
    explained = run.explained()
    return Shown(head_finder_view(explained, range(explained.num_layers)))


def show_rollout(run: Run, position: int = -1) -> Shown:
    """Where all layers together look from a position, from 0 or from the end."""
    named = run.views.labels
    at = place("position", position, len(named), from_end=True)
    return Shown(rollout_view(run.explained(), at, named))


def show_logit_lens(run: Run, position: int = -1) -> Shown:
    """What each layer would say already, up to a position, from 0 or from the end."""
    explained = run.explained()
    end = place("position", position, len(explained), from_end=True)
    near = range(max(0, end - LENS_POSITIONS + 1), end + 1)
    return Shown(logit_lens_view(explained, run.views.tokenizer, near))


def show_salience(run: Run, index: int = -1) -> Shown:
    """Which tokens before it a new token hangs on, by gradients."""
    views, focus = run.views, run.focus(index)
    before = run.explorer.position(focus) - 1
    return Shown(salience_view(run.explained(), views.tokenizer, before))


def show_keys(
    run: Run, layer: int, head: int = 0, kind: Literal["keys", "values"] = "keys"
) -> Shown:
    """How alike the tokens are to a key/value head."""
    named = run.views.labels
    return Shown(key_similarity_view(run.explained(), layer, head, named, kind))


def show_ring(run: Run) -> Shown:
    """The ring of keys and values: which position lies in which slot."""
    return Shown(run.views.ring())


def show_memory(run: Run) -> Shown:
    """What the ring and shared heads save."""
    return Shown(run.views.memory())


def _like(run: Run, changes: dict[str, Any]) -> GenerationSettings:
    return replace(run.settings, **changes)


def _window(run: Run, size: int | None) -> Window | None:
    return None if size is None else window_of(run.views.model.backbone, size)
