"""What views of an explained text share: its checks, and its window in words."""

from collections.abc import Iterator, Sequence

from playground.models import Explained, ExplainStopped
from playground.models.interpretability.text_reading import Stopped, never
from playground.presets import Progress, say_nothing
from playground.views.window import counted

__all__ = [
    "Progress",
    "Stopped",
    "check_labels",
    "layer_by_layer",
    "never",
    "say_nothing",
    "window_words",
]


def layer_by_layer(
    layers: Sequence[int], progress: Progress, stopped: Stopped
) -> Iterator[int]:
    """The layers, telling of each one that is done. Raises ExplainStopped."""
    for done, layer in enumerate(layers):
        if stopped():
            raise ExplainStopped(f"Stopped after {done} of {len(layers)} layers.")
        yield layer
        progress(f"Looked at layer {layer}", (done + 1) / len(layers))


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
