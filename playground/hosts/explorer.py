"""What the tabs beside a run show: which views, of which token.

Both hosts ask it and only place what it gives. A text is read once for all questions
about it (`explain`), when the first of them is asked.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from playground.engine import Engine
from playground.hosts.run_views import RunViews
from playground.models import Explained, MistralCausalLM, explain, text_numbers
from playground.models.interpretability.greedy_texts import greedy_texts
from playground.models.interpretability.text_reading import Stopped, never
from playground.presets import Progress, say_nothing
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.views.attention import layer_view
from playground.views.beam_tree import beam_tree_view
from playground.views.contrastive import contrastive_view
from playground.views.head_finder import head_finder_view
from playground.views.head_groups import head_groups_view
from playground.views.key_similarity import key_similarity_view
from playground.views.labels import labels
from playground.views.logit_lens import logit_lens_view
from playground.views.mass_cut import mass_cut_view
from playground.views.rollout import rollout_view
from playground.views.salience import salience_view
from playground.views.token_spans import records_of, token_spans_view
from playground.views.view import View
from playground.views.what_if import what_if_view, windows_to_try

WINDOW_VIEWS = {
    "Ruler": "What the next token sees, and what only reaches it through layers",
    "Mask": "Who sees whom, as the prompt was read and the answer written",
    "Reach": "How far back one token depends on others, layer by layer",
    "Cut off": "How much attention the window takes away",
    "What if": "The same text under other windows: what it would have cost",
}
HEADS_VIEWS = {
    "Layer": "All heads of one layer",
    "Head": "One head, token by token",
    "Groups": "Heads that share keys and values, and how alike they are",
    "Finder": "What kind of head each one is",
    "Rollout": "Where all layers together look",
    "Lens": "What each layer would say already",
    "Salience": "Which tokens the focused one hangs on",
    "Keys": "How alike the tokens are to one key/value head",
}
HEADS_CHOICES = {
    "Layer": ("layer",),
    "Head": ("layer", "head"),
    "Groups": ("layer",),
    "Keys": ("layer", "head"),
}
"""Of which of these a view is; the others look at all layers and heads."""
_KEY_VALUE_HEADS = ("Keys",)
"""The views whose head is one that shares keys and values."""
NOTHING_YET = "Generate something first: this shows what happened then."
NEW_TOKENS = 24
"""Of each text that greedy search writes for "What if"."""


@dataclass(frozen=True, kw_only=True)
class Focus:
    """A token of the latest run: number `index` of its prompt or of its answer."""

    index: int
    in_prompt: bool = False


def places(model: MistralCausalLM, which: str) -> tuple[int, int]:
    """From how many layers and heads one of HEADS_VIEWS lets one choose."""
    backbone = model.backbone
    shared = which in _KEY_VALUE_HEADS
    heads = backbone.num_key_value_heads if shared else backbone.num_query_heads
    return backbone.num_layers, heads


def head_label(which: str) -> str:
    """What the head of one of HEADS_VIEWS is called."""
    return "Key/value head" if which in _KEY_VALUE_HEADS else "Head"


class Source(Protocol):
    """What an explorer looks at: a session, or one run by itself."""

    @property
    def transcript(self) -> Transcript | None: ...

    @property
    def engine(self) -> Engine[MistralCausalLM]: ...


class Explorer:
    """The views of a session's latest run.

    Each raises ValueError, in words fit to show, where there is nothing to see yet.
    """

    def __init__(self, session: Source) -> None:
        self.session = session
        self._explained: Explained | None = None
        self._reading = threading.Lock()  # one question at a time

    @property
    def run(self) -> Transcript:
        """The latest run, which has a token at least."""
        run = self.session.transcript
        if run is None or not run.token_ids:
            raise ValueError(NOTHING_YET)
        return run

    @property
    def model(self) -> MistralCausalLM:
        engine = self.session.engine
        if (model := engine.model) is None:
            raise ValueError(f"The model is not there: {engine.status.message}")
        return model

    def focus(self, wanted: Focus | None) -> Focus:
        """`wanted` if the run has such a token, else the last of the answer."""
        run = self.run
        if wanted is not None:
            part = run.prompt_token_ids if wanted.in_prompt else run.token_ids
            if 0 <= wanted.index < len(part):
                return wanted
        return Focus(index=len(run.token_ids) - 1)

    def position(self, focus: Focus) -> int:
        """Of a token in prompt and answer together."""
        before = 0 if focus.in_prompt else len(self.run.prompt_token_ids)
        return before + focus.index

    def name(self, focus: Focus) -> str:
        """`Token 3 of 40: ␣the`."""
        run = self.run
        part = run.prompt_token_ids if focus.in_prompt else run.token_ids
        (label,) = labels(self._views.tokenizer, [part[focus.index]])
        whose = "Prompt token" if focus.in_prompt else "Token"
        return f"{whose} {focus.index + 1:,} of {len(part):,}: {label}"

    def candidates(self, focus: Focus) -> View:
        """What the token was chosen from; of a search, what it compared."""
        index, run = self._answer_index(focus), self.run
        tokenizer = self._views.tokenizer
        if run.beams_seen:
            return beam_tree_view(tokenizer, run.beams_seen)
        if run.compared and index >= run.answered:
            compared = run.compared[index - run.answered]
            alpha, token_id = run.settings.alpha, run.token_ids[index]
            return contrastive_view(tokenizer, compared, token_id, alpha, index)
        return self._views.candidates(index)

    def sampler_lab(
        self,
        focus: Focus,
        settings: GenerationSettings,
        progress: Progress = say_nothing,
        stopped: Stopped = never,
    ) -> Sequence[View]:
        """The same place through the chain of `settings`, and through every sampler."""
        index, before = self._answer_index(focus), len(self.run.prompt_token_ids)
        with self._reading:
            text = self._text(progress, stopped, before + index)
            return self._views.sampler_lab(text, settings, index)

    def window(
        self,
        which: str,
        focus: Focus,
        progress: Progress = say_nothing,
        stopped: Stopped = never,
    ) -> View:
        """One of WINDOW_VIEWS."""
        views = self._views
        match which:
            case "Mask":
                return views.band_mask()
            case "Reach":
                return views.reach(self.position(focus))
            case "Cut off":
                with self._reading:
                    text = self._text(progress, stopped)
                    layers = range(text.num_layers)
                    return mass_cut_view(text, layers, views.labels, progress, stopped)
            case "What if":
                return self._what_if(progress, stopped)
            case _:
                return views.ruler()

    def heads(
        self,
        which: str,
        focus: Focus,
        layer: int,
        head: int,
        progress: Progress = say_nothing,
        stopped: Stopped = never,
    ) -> View:
        """One of HEADS_VIEWS, of a layer and a head of it, both from 0 (`places`)."""
        views, position = self._views, self.position(focus)
        with self._reading:
            text = self._text(progress, stopped)
            layers, named = range(text.num_layers), views.labels
            match which:
                case "Head":
                    return views.attention(text, layer, head)
                case "Groups":
                    return head_groups_view(text, layer)
                case "Finder":
                    return head_finder_view(text, layers, progress, stopped)
                case "Rollout":
                    return rollout_view(text, position, named, progress, stopped)
                case "Lens":
                    near = range(max(0, position - 7), position + 1)
                    return logit_lens_view(text, views.tokenizer, near)
                case "Salience":
                    before = max(position - 1, 0)
                    return salience_view(
                        text, views.tokenizer, before, None, progress, stopped
                    )
                case "Keys":
                    return key_similarity_view(text, layer, head, named)
                case _:
                    return layer_view(text, layer)

    def cache(self) -> Sequence[View]:
        """The ring of keys and values, and what it saves."""
        return self._views.ring(), self._views.memory()

    def tokens(
        self,
        progress: Progress = say_nothing,
        stopped: Stopped = never,
        score: str = "probability",
    ) -> View:
        """All tokens with their numbers, the prompt's too; a score colours them."""
        views = self._views
        with self._reading:
            text = self._text(progress, stopped, views.num_prompt)
            records = records_of(text_numbers(text), views.num_prompt)
        return token_spans_view(views.tokenizer, views.run, records, score)

    @property
    def holds_text(self) -> bool:
        """Whether a text is kept as it was read."""
        return self._explained is not None

    def forget(self) -> None:
        """Let go of the text that was read, which may hold 300 MB."""
        with self._reading:
            self._explained = None

    def _what_if(self, progress: Progress, stopped: Stopped) -> View:
        views, engine = self._views, self.session.engine
        with self._reading:
            text = self._text(progress, stopped)
            windows = windows_to_try(len(text), text.sliding_window)
            prompt = views.run.prompt_token_ids
            greedy = greedy_texts(
                engine,
                prompt,
                windows,
                NEW_TOKENS,
                progress=progress,
                stopped=stopped,
            )
            return what_if_view(text, views.labels, windows, greedy, progress, stopped)

    @property
    def _views(self) -> RunViews:
        return RunViews(self.model, self.run)

    def _answer_index(self, focus: Focus) -> int:
        if focus.in_prompt:
            raise ValueError("You wrote this token. Choose one that the model chose.")
        return focus.index

    def _text(
        self, progress: Progress, stopped: Stopped, length: int | None = None
    ) -> Explained:
        """The run's text, read at least up to `length` tokens; whole by default."""
        ids, window = self._views.text_ids, self.run.settings.sliding_window
        if not self._has_read(ids[:length], window):
            self._explained = explain(self.model, ids, window, progress, stopped)
        assert self._explained is not None
        return self._explained

    def _has_read(self, ids: Sequence[int], window: int | None) -> bool:
        read = self._explained
        if read is None or len(read) < len(ids):
            return False
        own = window or self.model.backbone.sliding_window or len(read)
        same_window = read.sliding_window == min(own, len(read))
        return same_window and tuple(map(int, read.token_ids[: len(ids)])) == tuple(ids)
