"""What views of an explained text share: its checks, and its window in words."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from playground.models import Explained, ExplainStopped
from playground.system.progress import Progress, Stopped, never, say_nothing
from playground.views.window import counted


class Waiting(NamedTuple):
    """Who waits for long work: `progress` is told how far it is, `stopped` ends it."""

    progress: Progress = say_nothing
    stopped: Stopped = never

    def layer_by_layer(self, layers: Sequence[int]) -> Iterator[int]:
        """The layers, telling of each one that is done. Raises ExplainStopped."""
        for done, layer in enumerate(layers):
            if self.stopped():
                raise ExplainStopped(f"Stopped after {done} of {len(layers)} layers.")
            yield layer
            self.progress(f"Looked at layer {layer}", (done + 1) / len(layers))


NOBODY = Waiting()
"""For work that no one watches."""


def check_labels(explained: Explained, labels: Sequence[str]) -> None:
    """Raises ValueError unless there is a label for each token."""
    if len(labels) != len(explained):
        raise ValueError(
            f"Each of the {len(explained):,} tokens needs a label, got {len(labels):,}."
        )


def window_words(sliding_window: int, num_tokens: int) -> str:
    """A window in words; one that is not shorter than the text hides nothing."""
    if sliding_window >= num_tokens:
        return "a window that holds the whole text"
    return f"a window of {counted(sliding_window, 'token')}"
