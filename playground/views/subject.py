"""What a view is of: a run, the model that wrote it, and its text, read again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from playground.engine import Engine
from playground.models import Explained, MistralCausalLM
from playground.models.places import place
from playground.tokenizers import Tokenizer
from playground.transcript import Transcript
from playground.views.explained_text import NOBODY, Waiting
from playground.views.labels import labels
from playground.views.window import Window, counted, window_of

Read = Callable[["Subject", int | None, int | None], Explained]
"""Reads a text under a window, unless it was read: its first n tokens at least."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A run on the model that wrote it, and who waits for the view that is made."""

    engine: Engine[MistralCausalLM]
    model: MistralCausalLM
    run: Transcript
    read: Read
    waiting: Waiting = NOBODY

    @property
    def tokenizer(self) -> Tokenizer:
        tokenizer: Tokenizer = self.model.text_preprocessor.tokenizer
        return tokenizer

    @cached_property
    def text_ids(self) -> tuple[int, ...]:
        """Prompt and answer."""
        return (*self.run.prompt_token_ids, *self.run.token_ids)

    @property
    def num_prompt(self) -> int:
        return len(self.run.prompt_token_ids)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Of all tokens, those of the prompt first."""
        return labels(self.tokenizer, self.text_ids)

    @property
    def read_labels(self) -> tuple[str, ...]:
        """Without the token that was drawn last: it was never read."""
        drawn = len(self.run.token_ids)
        return self.labels[: self.num_prompt + max(0, drawn - 1)]

    @property
    def window(self) -> Window:
        """The run's own, or else the model's."""
        return self.window_of(None)

    def window_of(self, size: int | None) -> Window:
        """One of `size` tokens; None: the run's own."""
        size = self.run.settings.sliding_window if size is None else size
        return window_of(self.model.backbone, size)

    def text(
        self, sliding_window: int | None = None, length: int | None = None
    ) -> Explained:
        """The run's text, to look inside; None: under its own window, all of it.

        Raises ValueError for a text or a window that cannot be, ExplainStopped.
        """
        return self.read(self, self.window_of(sliding_window).size, length)

    def position(self, position: int) -> int:
        """A token of the text, from 0 or from the end. Raises ValueError."""
        return place("position", position, len(self.text_ids), from_end=True)

    def new_token(self, index: int) -> int:
        """A token of the answer, from 0 or from the end. Raises ValueError."""
        return new_token(index, self.run.token_ids)


def new_token(index: int, token_ids: Sequence[int]) -> int:
    """A token of an answer, from 0 or from the end. Raises ValueError."""
    count = len(token_ids)
    try:
        return place("index", index, count, from_end=True)
    except ValueError as fault:
        new = counted(count, "new token")
        raise ValueError(f"There are {new}, none is number {index}: {fault}") from None
