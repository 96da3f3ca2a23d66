"""One position's logits through every sampler, with the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from playground.controls import CONTROLS, Control
from playground.models.places import whole
from playground.samplers import NO_TOKEN, PRESETS, SamplerValues, preset
from playground.samplers.recorded import recorded_picks
from playground.tokenizers import Tokenizer
from playground.views.amounts import percent, tokens
from playground.views.labels import labels
from playground.views.sampler_lab import check_seed, history_of
from playground.views.view import Table
from playground.views.window import counted

YOURS = "your chain"
CUTS_ALONE = [c for c in CONTROLS if c.stage not in ("", "temperature")]
USUAL = SamplerValues(
    **{c.name: c.default if c.usual is None else c.usual for c in CUTS_ALONE}
)
"""Stands in for a cut that the user's own chain has off."""


@dataclass(frozen=True, kw_only=True)
class SamplerPick:
    """What one sampler does with the logits.

    It keeps `tokens` tokens with `kept` of the model's probability, and draws
    `pick_label`, to which it gives `probability` and the model `model_probability`;
    `rank` is the pick's, under the model. `probabilities` [n] of the view's tokens are
    the sampler's. If all tokens are banned `token_id` is NO_TOKEN.
    """

    name: str
    settings: str
    token_id: int
    pick_label: str
    probability: float
    model_probability: float
    rank: int
    tokens: int
    kept: float
    probabilities: np.ndarray


@dataclass(frozen=True, kw_only=True)
class SamplerTableView:
    """The same logits through every sampler, with the same seed.

    `token_ids` and `labels` are the model's likeliest tokens. Searches are not here, as
    they look further than one token.
    """

    token_ids: tuple[int, ...]
    labels: tuple[str, ...]
    picks: tuple[SamplerPick, ...]
    seed: int
    draw: int

    @cached_property
    def own(self) -> SamplerPick:
        """That of the user's own chain."""
        return next(each for each in self.picks if each.name == YOURS)

    title = "The same logits through every sampler"

    def words(self) -> str:
        different = len({each.token_id for each in self.picks} - {NO_TOKEN})
        return (
            f"With seed {self.seed}, {counted(len(self.picks), 'sampler')} draw "
            f"{counted(different, 'different token')}; {YOURS} draws "
            f"{self.own.pick_label or 'none'} ({percent(self.own.probability)}). "
            f"{self._who_keeps()}"
        )

    def _who_keeps(self) -> str:
        """The samplers that keep the fewest and the most tokens, all of equal ones."""
        kept = [each.tokens for each in self.picks]
        fewest, most = min(kept), max(kept)
        if fewest == most:
            return f"Each keeps {tokens(most)}."
        return (
            f"The fewest are kept by {self._keeping(fewest)} ({tokens(fewest)}), the "
            f"most by {self._keeping(most)} ({most:,})."
        )

    def _keeping(self, number: int) -> str:
        first, *others = (each.name for each in self.picks if each.tokens == number)
        return f"{first} and {counted(len(others), 'other')}" if others else first

    def table(self) -> Table:
        picks = self.picks
        return Table.of(
            {
                "sampler": [each.name for each in picks],
                "settings": [each.settings for each in picks],
                "tokens kept": [each.tokens for each in picks],
                "probability kept": [each.kept for each in picks],
                "draws": [each.pick_label for each in picks],
                "id": [each.token_id for each in picks],
                "rank": [each.rank for each in picks],
                "with probability": [each.probability for each in picks],
                "under the model": [each.model_probability for each in picks],
            }
        )


def sampler_table_view(
    tokenizer: Tokenizer,
    logits: np.ndarray,
    values: SamplerValues,
    *,
    seed: int,
    draw: int = 0,
    text_ids: Sequence[int] = (),
) -> SamplerTableView:
    """Every sampler over the logits f32[V] at one position, `values` the user's own.

    Arguments as for `sampler_lab_view`.
    """
    seed, draw = check_seed(seed), whole("draw", draw, 0)
    asked = samplers_of(values)
    picks, record = recorded_picks(
        logits, list(asked.values()), seed, draw, history_of(text_ids)
    )
    ids = record.top_tokens[0].tolist()
    named = labels(tokenizer, np.maximum(picks, 0).tolist())
    return SamplerTableView(
        token_ids=tuple(ids),
        labels=labels(tokenizer, ids),
        picks=tuple(
            SamplerPick(
                name=name,
                settings=settings_of(asked[name]),
                token_id=int(picks[n]),
                pick_label="" if picks[n] == NO_TOKEN else named[n],
                probability=float(np.exp(record.chain_logprob[n])),
                model_probability=float(np.exp(record.logprob[n])),
                rank=int(record.rank[n]),
                tokens=int(record.tokens[n, -1]),
                kept=float(record.kept[n, -1]),
                probabilities=np.asarray(record.top_chain_probabilities[n]),
            )
            for n, name in enumerate(asked)
        ),
        seed=seed,
        draw=draw,
    )


def samplers_of(values: SamplerValues) -> dict[str, SamplerValues]:
    """Each cut by itself, the named presets, and the user's own chain last.

    A cut has the user's own numbers if it is on, else the usual ones, and the user's
    temperature, or 1 if that is 0.
    """
    off = SamplerValues(temperature=values.temperature or 1.0)

    def alone(numbers: list[Control]) -> SamplerValues:
        switch = numbers[0]
        own = values if getattr(values, switch.name) != switch.neutral else USUAL
        return replace(off, **{each.name: getattr(own, each.name) for each in numbers})

    cuts = {_lab_name(numbers): alone(numbers) for numbers in _cuts()}
    named = {f"“{name}”": preset(name).values() for name in PRESETS}
    greedy = replace(off, temperature=0.0)
    return {"greedy": greedy, "random": off, **cuts, **named, YOURS: values}


def _cuts() -> list[list[Control]]:
    """The numbers of each cut, its switch first, as a host shows them."""
    by_stage: dict[str, list[Control]] = {}
    for control in CUTS_ALONE:
        by_stage.setdefault(control.stage, []).append(control)
    return list(by_stage.values())


def _lab_name(numbers: list[Control]) -> str:
    """What the labels of a cut's numbers have in common: "top-k", "XTC"."""
    words = zip(*(control.label.split() for control in numbers), strict=False)
    name = " ".join(first for first, *others in words if {*others} <= {first})
    return name if name.isupper() else name.lower()


def settings_of(values: SamplerValues) -> str:
    """The numbers that are on, in words: "temperature 0.7, top_p 0.9"."""
    off = SamplerValues()
    told = []
    for name in SamplerValues.__dataclass_fields__:
        value = getattr(values, name)
        if value == getattr(off, name):
            continue
        many = isinstance(value, tuple)
        told.append(
            f"{name} of {tokens(len(value))}" if many else f"{name} {_plain(value)}"
        )
    return ", ".join(told) or "nothing on"


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
