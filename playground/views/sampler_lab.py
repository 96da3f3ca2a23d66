"""One position's logits through a sampler, stage by stage.

All it takes are recorded logits, so a slider filters again without the model. The noise
of a draw depends on its seed and number alone, so any sampler can be asked with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from playground.engine.texts import texts_of
from playground.models.places import whole
from playground.samplers import (
    MAX_SEED,
    NO_STAGE,
    NO_TOKEN,
    STAGES,
    SamplerValues,
)
from playground.samplers.chain_stages import EDITS
from playground.samplers.recorded import recorded_stages
from playground.tokenizers import Tokenizer
from playground.views.amounts import percent, tokens
from playground.views.labels import labels
from playground.views.view import Table

SHOWN = 16  # tokens in a picture


@dataclass(frozen=True, kw_only=True)
class LabStage:
    """What is left after one stage of the chain.

    `probabilities` [n] of the view's tokens, 0 for what was dropped; `tokens` left in
    all, and `kept`, the probability that the model gives to these.
    """

    stage: str
    probabilities: np.ndarray
    tokens: int
    kept: float


@dataclass(frozen=True, kw_only=True)
class SamplerLabView:
    """The distribution after each stage, for the likeliest n tokens.

    They are those likeliest before or after the chain, in the model's order. `pick` is
    the index of the one that is drawn, None if it is not among them or none can be.
    `pick_label` is "" in the last case.
    """

    token_ids: tuple[int, ...]
    labels: tuple[str, ...]
    stages: tuple[LabStage, ...]
    pick: int | None
    pick_label: str
    seed: int
    draw: int

    title = "What each stage of the sampler leaves"

    def words(self) -> str:
        first, last = self.stages[0], self.stages[-1]
        left = " → ".join(f"{each.stage} {each.tokens:,}" for each in self.stages)
        drawn = self.pick_label or "no token, as none is left"
        return (
            f"Tokens left: {left}. The last ones have {percent(last.kept)} of the "
            f"model's probability; {tokens(first.tokens - last.tokens)} dropped. "
            f"Seed {self.seed} draws {drawn}."
        )

    def table(self) -> Table:
        after = {f"after {each.stage}": each.probabilities for each in self.stages}
        drawn = ["drawn" if n == self.pick else "" for n in range(len(self.labels))]
        return Table.of(
            {"token": self.labels, "id": self.token_ids, **after, "drawn": drawn}
        )


def sampler_lab_view(
    tokenizer: Tokenizer,
    logits: np.ndarray,
    values: SamplerValues,
    *,
    seed: int,
    draw: int = 0,
    text_ids: Sequence[int] = (),
    shown: int = SHOWN,
) -> SamplerLabView:
    """The stages of a chain over the logits f32[V] at one position.

    `draw` is the number of the position's token in its run, from 0, and `text_ids` all
    tokens before it, which penalties look at.
    """
    seed, draw = check_seed(seed), whole("draw", draw, 0)
    shown = whole("shown", shown, 1)
    made, pick = recorded_stages(logits, values, seed, draw, history_of(text_ids))
    probabilities, names = np.asarray(made.probabilities), np.asarray(made.stage)
    used = _telling(names, probabilities)
    before, after = probabilities[0], probabilities[used[-1]]
    ids = _likeliest(np.maximum(before, after), shown)
    ids = ids[np.argsort(-before[ids], kind="stable")]
    return SamplerLabView(
        token_ids=tuple(ids.tolist()),
        labels=labels(tokenizer, ids.tolist()),
        stages=tuple(
            LabStage(
                stage=STAGES[names[slot]],
                probabilities=probabilities[slot][ids],
                tokens=int(made.tokens[slot]),
                kept=float(made.kept[slot]),
            )
            for slot in used
        ),
        pick=ids.tolist().index(pick) if pick in ids else None,
        pick_label="" if pick == NO_TOKEN else labels(tokenizer, [pick])[0],
        seed=seed,
        draw=draw,
    )


def check_seed(seed: object) -> int:
    """A seed as an int. Raises ValueError unless it is in [0, 2**32)."""
    expected = f"one of the whole numbers from 0 to {MAX_SEED:,}"
    return whole("seed", seed, 0, MAX_SEED, expected)


def history_of(text_ids: Sequence[int]) -> np.ndarray:
    """As the engine keeps it: the last tokens, padding in front, i32[H]."""
    history, _ = texts_of([[*text_ids, 0]])
    return np.asarray(history[0])


def _telling(stage: np.ndarray, probabilities: np.ndarray) -> list[int]:
    """The slots of stages that changed anything, the model's own first."""
    edits = [
        slot
        for slot in range(1, len(stage))
        if stage[slot] != NO_STAGE
        and (
            STAGES[stage[slot]] not in EDITS
            or (probabilities[slot] != probabilities[slot - 1]).any()
        )
    ]
    return [0, *edits]


def _likeliest(probabilities: np.ndarray, count: int) -> np.ndarray:
    """The ids of the largest, largest first; the lower id of equal ones."""
    count = min(count, probabilities.size)
    ids = np.argpartition(-probabilities, count - 1)[:count]
    return ids[np.lexsort((ids, -probabilities[ids]))]
