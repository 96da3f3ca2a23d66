"""Several answers side by side: one prompt and seed under several settings, mostly.

With one seed the draws have the same noise, so texts differ from where the samplers do:

    top_p 0.5    " The"   " sea"   " is"    " calm"
    top_p 0.95   " The"   " sea"   " was"   " once"
                                   ^ position 2, the first divergence
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from playground.controls import BY_NAME
from playground.settings import GenerationSettings
from playground.tokenizers import Tokenizer
from playground.transcript import Transcript
from playground.views.amounts import tokens
from playground.views.labels import labels
from playground.views.run_summary import RunSummary, run_summary
from playground.views.view import Cell, Table
from playground.views.window import counted


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """One answer: its tokens, their labels, and how it ended ("" while it goes on).

    `diverges_at` is where it leaves the first run, None if it does not (or is it).
    """

    name: str
    token_ids: tuple[int, ...]
    labels: tuple[str, ...]
    text: str
    end: str
    diverges_at: int | None
    summary: RunSummary


@dataclass(frozen=True, kw_only=True)
class ComparisonView:
    """The runs, the first one being what the others are compared with.

    `diverges_at` is the first position where not all have the same token, None if there
    is none: positions count new tokens from 0. `seed` is the first run's; the runs have
    `num_seeds` different ones, `num_prompts`, and `num_settings` but for the seed;
    None: each has its own.
    """

    runs: tuple[ComparedRun, ...]
    diverges_at: int | None
    seed: int
    num_seeds: int = 1
    num_prompts: int = 1
    num_settings: int | None = None

    @property
    def title(self) -> str:
        alone = self.num_prompts == 1
        prompts = "One prompt" if alone else f"{self.num_prompts} prompts"
        own = self.num_settings in (None, len(self.runs))
        noun = "sampler" if own else "answer"
        seeds = f"one seed ({self.seed})"
        if self.num_seeds > 1:
            seeds = f"{self.num_seeds} seeds"
        return f"{prompts}, {seeds}, {counted(len(self.runs), noun)}"

    def words(self) -> str:
        if len(self.runs) == 1:
            over = self.runs[0].end != ""
            return "There is one text." if over else "The first text is being written."
        if self.diverges_at is None:
            return f"All {len(self.runs)} texts are the same so far."
        at = self.diverges_at
        then = (f"{run.name}: {_said(run, at)}" for run in self.runs)
        same = f"The same for {tokens(at)}" if at else "No token is shared"
        return f"{same}; then come {'; '.join(then)}."

    def table(self) -> Table:
        summaries = [run.summary for run in self.runs]
        return Table.of(
            {
                "settings": [run.name for run in self.runs],
                "new tokens": [summary.num_tokens for summary in summaries],
                "perplexity": [_cell(summary.perplexity) for summary in summaries],
                "distinct-1": [_cell(summary.distinct_1) for summary in summaries],
                "distinct-2": [_cell(summary.distinct_2) for summary in summaries],
                "leaves the first at": [_cell(run.diverges_at) for run in self.runs],
                "ended": [run.end for run in self.runs],
                "text": [run.text for run in self.runs],
            }
        )


def _said(run: ComparedRun, at: int) -> str:
    if at < len(run.labels):
        return f"“{run.labels[at]}”"
    return "the end" if run.end else "nothing yet"


def comparison_view(tokenizer: Tokenizer, runs: Sequence[Transcript]) -> ComparisonView:
    """The runs side by side, going on or over. Raises ValueError if there is none."""
    if not runs:
        raise ValueError("A comparison has at least one run, got none.")
    first = runs[0]
    ends = [_divergence(first, run) for run in runs]
    names = names_of([replace(run.settings, seed=run.seed) for run in runs])
    return ComparisonView(
        runs=tuple(
            ComparedRun(
                name=name,
                token_ids=tuple(run.token_ids),
                labels=labels(tokenizer, run.token_ids),
                text=run.shown_text,
                end=run.finished.reason if run.finished else "",
                diverges_at=end,
                summary=run_summary(run.token_ids, run.records),
            )
            for run, name, end in zip(runs, names, ends, strict=True)
        ),
        diverges_at=min((end for end in ends if end is not None), default=None),
        seed=first.seed,
        num_seeds=len({run.seed for run in runs}),
        num_settings=len(
            {repr(_acting(replace(run.settings, seed=0))) for run in runs}
        ),
        num_prompts=len({run.prompt_text or run.prompt for run in runs}),
    )


def names_of(settings: Sequence[GenerationSettings]) -> tuple[str, ...]:
    """What each has that not all have: "sampler top_p, temperature 0.7".

    Equal ones are numbered.
    """
    values = [_acting(each) for each in settings]
    differing = [
        name
        for name in settings[0].to_json()
        if (name != "seed" or len({each.seed for each in settings}) > 1)
        and len({repr(each.get(name)) for each in values}) > 1
    ]
    names = [
        ", ".join(_told(name, each[name]) for name in differing if name in each)
        for each in values
    ]
    return tuple(
        name if names.count(name) == 1 else f"{name} ({n + 1})".strip()
        for n, name in enumerate(names)
    )


def _acting(settings: GenerationSettings) -> dict[str, Any]:
    """The settings that change anything under the chosen sampler."""
    return {
        name: value
        for name, value in settings.to_json().items()
        if name not in BY_NAME or BY_NAME[name].acts_on(settings.sampler)
    }


def _told(name: str, value: Any) -> str:
    return str(value) if name == "sampler" else f"{name} {value}"


def _divergence(first: Transcript, other: Transcript) -> int | None:
    """Where the tokens differ; where the shorter text ends, if it is over."""
    pairs = zip_longest(first.token_ids, other.token_ids)
    for position, (one, two) in enumerate(pairs):
        if one == two:
            continue
        ended = first if one is None else other if two is None else None
        return position if ended is None or ended.finished else None
    return None


def _cell(number: float | None) -> Cell:
    return "" if number is None else number
