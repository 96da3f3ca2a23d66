"""The views of a run, as a host's tabs show them: what each is made of.

Those that look inside of the model take an `Explained`: the run's text, read again.
"""

from typing import Any

from playground.models import Explained, MistralCausalLM
from playground.models.places import place
from playground.sampler_choice import is_search, sampler_of
from playground.samplers import SamplerValues
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.views.attention import NOTE, AttentionView, attention_view
from playground.views.band_mask import BandMaskView, band_mask_view
from playground.views.candidates import CandidatesView, candidates_view
from playground.views.labels import labels
from playground.views.mass_cut import MassCutView, mass_cut_view
from playground.views.memory import MemoryView, memory_view
from playground.views.reach import ReachView, reach_view
from playground.views.ring import RingView, ring_view
from playground.views.sampler_lab import SamplerLabView, sampler_lab_view
from playground.views.sampler_table import SamplerTableView, sampler_table_view
from playground.views.text_units import Unit, text_units
from playground.views.token_spans import TokenSpansView, token_spans_view
from playground.views.window import Window, counted, window_of
from playground.views.window_ruler import RulerView, ruler_view

TABS = (
    "Candidates",
    "Sampler lab",
    "Window",
    "Heads",
    "Cache",
    "Compare",
    "Tokens",
    "Learn",
)
"""In the order in which a host shows them; the last is a text."""

HINTS = {
    "Candidates": "What the model could have said here. Take another, and it goes on.",
    "Sampler lab": "Move the sampler's knobs: the picture follows, nothing is run.",
    "Window": "What the attention window lets the model see of this text.",
    "Heads": NOTE,
    "Cache": "Where keys and values of this text lie in memory.",
    "Compare": "The same prompt and seed through several samplers, at once.",
    "Tokens": "All tokens with their numbers, and how a stop text is written in them.",
}
"""What each tab but the last shows."""


def new_token(index: int, count: int) -> int:
    """New token number `index`, from 0 or from the end. Raises ValueError."""
    try:
        return place("index", index, count, from_end=True)
    except ValueError as fault:
        new = counted(count, "new token")
        raise ValueError(f"There are {new}, none is number {index}: {fault}") from None


class RunViews:
    """One run on the model that wrote it. Raises ValueError where there is no token."""

    def __init__(self, model: MistralCausalLM, run: Transcript) -> None:
        self.model = model
        self.run = run
        self.tokenizer = model.text_preprocessor.tokenizer

    @property
    def text_ids(self) -> tuple[int, ...]:
        """Prompt and answer."""
        return (*self.run.prompt_token_ids, *self.run.token_ids)

    @property
    def num_prompt(self) -> int:
        return len(self.run.prompt_token_ids)

    @property
    def labels(self) -> tuple[str, ...]:
        """Of all tokens, those of the prompt first."""
        return labels(self.tokenizer, self.text_ids)

    @property
    def window(self) -> Window:
        """The run's own, or else the model's."""
        return window_of(self.model.backbone, self.run.settings.sliding_window)

    def token_spans(self, score: str = "probability") -> TokenSpansView:
        """The text cut into its tokens, with their scores."""
        return token_spans_view(self.tokenizer, self.run, score=score)

    def candidates(self, index: int = -1) -> CandidatesView:
        """What new token `index` was chosen from; -1 is the last."""
        index = self._index(index)
        record = self.run.records[index]
        if record is None:
            raise ValueError(
                f"Nothing was recorded of new token {index + 1}: somebody chose it, a "
                "search or a sampler of their own, or the run did not record."
            )
        return candidates_view(self.tokenizer, record, self.run.token_ids[index], index)

    def sampler_lab(
        self, explained: Explained, settings: GenerationSettings, index: int = -1
    ) -> tuple[SamplerLabView, SamplerTableView]:
        """New token `index` drawn again with other settings.

        Stage by stage, and by every sampler. The seed is the run's, unless the settings
        name one.
        """
        index = self._index(index)
        position = self.num_prompt + index
        if not position:
            raise ValueError(
                "What came before this token was left out. Choose a later one."
            )
        logits = explained.logits(position - 1)
        seed = self.run.seed if settings.seed is None else settings.seed
        rest: dict[str, Any] = {
            "seed": seed,
            "draw": self.run.earlier_tokens + index,
            "text_ids": self.text_ids[:position],
        }
        values = self._values(settings)
        return (
            sampler_lab_view(self.tokenizer, logits, values, **rest),
            sampler_table_view(self.tokenizer, logits, values, **rest),
        )

    def ruler(self, window: Window | None = None) -> RulerView:
        """What the next token sees, and what not."""
        return ruler_view(self.labels, self.num_prompt, window or self.window)

    def band_mask(self, shorter: int | None = None) -> BandMaskView:
        """Who sees whom, and what a shorter window would hide."""
        return band_mask_view(
            self.labels, self.num_prompt, self.window, shorter=shorter
        )

    def reach(
        self, position: int | None = None, window: Window | None = None
    ) -> ReachView:
        """What a token depends on, layer by layer."""
        return reach_view(self.labels, window or self.window, position)

    def mass_cut(self, explained: Explained) -> MassCutView:
        """What the window that the text was read with takes away, in every layer."""
        return mass_cut_view(explained, range(explained.num_layers), self.labels)

    def ring(self) -> RingView:
        """Which position lies in which slot of the cache, over time."""
        programs, wanted = self.model.programs, self.run.settings.sliding_window
        return ring_view(
            self._read_labels,
            self.num_prompt,
            programs.window(wanted),
            programs.slots_for,
            chunks=programs.chunks,
        )

    def memory(self) -> MemoryView:
        """What the cache takes, and what it would without ring or groups."""
        programs, wanted = self.model.programs, self.run.settings.sliding_window
        read, window = len(self._read_labels), programs.window(wanted)
        return memory_view(
            self.model.backbone,
            read,
            programs.slots_for(read, window),
            window,
            programs.chunks[-1],
        )

    def attention(
        self, explained: Explained, layer: int, head: int, by: Unit = "token"
    ) -> AttentionView:
        """One head's attention between tokens, words or lines."""
        units = text_units(self.tokenizer, self.text_ids, by)
        return attention_view(explained, layer, head, units, self.num_prompt)

    @property
    def _read_labels(self) -> tuple[str, ...]:
        """Without the token that was drawn last: it was never read."""
        drawn = len(self.run.token_ids)
        return self.labels[: self.num_prompt + max(0, drawn - 1)]

    def _values(self, settings: GenerationSettings) -> SamplerValues:
        if is_search(settings):
            raise ValueError(
                "A search looks further than one token, so the lab cannot show it. "
                "Choose another sampler."
            )
        values = sampler_of(settings, self.tokenizer.stop_token_ids).values()
        assert isinstance(values, SamplerValues)
        return values

    def _index(self, index: int) -> int:
        return new_token(index, len(self.run.token_ids))
