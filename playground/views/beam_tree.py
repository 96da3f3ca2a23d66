"""A beam search as a tree: which texts were kept at each step, and which were not.

With two beams (the example of engine/beam_search.py):

    step 1      step 2       step 3
    a  -0.5 ─┬─ ab  -1.2 ─── aba -1.3   best
             └─ aa  -1.7     pruned at once
    b  -1.2 ─── b.  -1.4                ended, and still among the best
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from playground.engine import Beam, Beams
from playground.models.places import whole
from playground.tokenizers import Tokenizer
from playground.views.amounts import bits
from playground.views.labels import labels
from playground.views.view import Table

STEPS = 12
Fate = Literal["best", "kept", "lost", "pruned"]
FATES: dict[Fate, str] = {
    "best": "in the best text",
    "kept": "in another text that was kept to the end",
    "lost": "kept for a while, then overtaken",
    "pruned": "looked at, never kept",
}


@dataclass(frozen=True, kw_only=True)
class BeamNode:
    """The last token of one text of the search.

    `step` counts new tokens from 1, and is that of the token. `parent` is the node of
    the text without it, by its place in the view, None at the tree's beginning.
    `log_probability` (nats) is the whole text's. `is_finished`: a stop ends the text.
    """

    token_ids: tuple[int, ...]
    label: str
    step: int
    parent: int | None
    log_probability: float
    fate: Fate
    is_finished: bool


@dataclass(frozen=True, kw_only=True)
class BeamTreeView:
    """The nodes of some steps, by step and in each the best first.

    Of `num_steps` the tree has those from `first_step` on. `best_text` are the labels
    of the whole best text, and `log_probability` (nats) is its own.
    """

    nodes: tuple[BeamNode, ...]
    best_text: tuple[str, ...]
    log_probability: float
    first_step: int
    num_steps: int

    def of_step(self, step: int) -> Iterator[int]:
        """The places of a step's nodes, best first."""
        return (n for n, node in enumerate(self.nodes) if node.step == step)

    @property
    def title(self) -> str:
        shown = f"steps {self.first_step:,} to {self.num_steps:,}"
        return f"The texts of a beam search, {shown}"

    def words(self) -> str:
        counts = {fate: sum(n.fate == fate for n in self.nodes) for fate in FATES}
        others = ", ".join(
            f"{count} {FATES[fate]}"
            for fate, count in counts.items()
            if count and fate != "best"
        )
        return (
            f"The best text ends in {''.join(self.best_text[-8:])}, with a "
            f"log-probability of {bits(self.log_probability):.2f} bits. "
            f"Other nodes: {others or 'none'}."
        )

    def table(self) -> Table:
        nodes = self.nodes
        return Table.of(
            {
                "node": range(len(nodes)),
                "after node": ["" if n.parent is None else n.parent for n in nodes],
                "step": [node.step for node in nodes],
                "token": [node.label for node in nodes],
                "id": [node.token_ids[-1] for node in nodes],
                "log-probability (bits)": [bits(n.log_probability) for n in nodes],
                "fate": [FATES[node.fate] for node in nodes],
                "ended": ["ended" if node.is_finished else "" for node in nodes],
            }
        )


def beam_tree_view(
    tokenizer: Tokenizer, events: Sequence[Beams], steps: int = STEPS
) -> BeamTreeView:
    """The tree of a beam search, of its last `steps` steps, going on or over.

    Raises ValueError if there was no step, or none is wanted.
    """
    steps = whole("steps", steps, 1)
    if not events:
        raise ValueError("A beam tree has at least one step, got none.")
    found = _found(events)
    first = max(1, len(events) - steps + 1)
    texts = sorted(
        (text for text in found if len(text) >= first),
        key=lambda text: (len(text), -found[text].log_probability),
    )
    place = {text: n for n, text in enumerate(texts)}
    fates = _fates(events)
    named = labels(tokenizer, [text[-1] for text in texts])
    best = events[-1].beams[0]
    return BeamTreeView(
        nodes=tuple(
            BeamNode(
                token_ids=text,
                label=label,
                step=len(text),
                parent=place.get(text[:-1]),
                log_probability=found[text].log_probability,
                fate=fates.get(text, "pruned"),
                is_finished=found[text].is_finished,
            )
            for text, label in zip(texts, named, strict=True)
        ),
        best_text=labels(tokenizer, best.token_ids),
        log_probability=best.log_probability,
        first_step=first,
        num_steps=len(events),
    )


def _found(events: Sequence[Beams]) -> dict[tuple[int, ...], Beam]:
    """Every text of the search, by its tokens."""
    return {
        beam.token_ids: beam
        for event in events
        for beam in (*event.pruned, *event.beams)
    }


def _fates(events: Sequence[Beams]) -> dict[tuple[int, ...], Fate]:
    """What became of each text that was ever kept; the others were pruned at once."""
    fates: dict[tuple[int, ...], Fate] = {
        beam.token_ids: "lost" for event in events for beam in event.beams
    }
    best, *others = events[-1].beams
    for beam in others:
        fates |= dict.fromkeys(_beginnings(beam), "kept")
    return fates | dict.fromkeys(_beginnings(best), "best")


def _beginnings(beam: Beam) -> Iterator[tuple[int, ...]]:
    """Its text after each of its steps."""
    return (beam.token_ids[:end] for end in range(1, len(beam.token_ids) + 1))
