"""What the gallery shows: real runs of a model, and every view of them.

Each scene comes with a sentence for a reader who has never seen such a picture.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from playground.engine import Engine, Finished
from playground.interface.explorer import Explorer
from playground.models import MistralCausalLM
from playground.session import Session
from playground.session.comparison import Comparison
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.views.declaration import Declaration
from playground.views.registry import VIEWS
from playground.views.view import View


@dataclass(frozen=True, kw_only=True)
class Example:
    """A model and what it is asked.

    `narrow` is a window that binds on this text, `shorter` one that hides still more;
    `ring_tokens` are new tokens of the run whose cache is shown.
    """

    preset: str
    prompt: str
    seed: int
    new_tokens: int
    narrow: int
    shorter: int
    ring_tokens: int


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture to be: its file's `name`, its view, what it is and how it is read."""

    name: str
    view: View
    about: str
    how_to_read: str


EXAMPLES = (
    Example(
        preset="shakespeare_mistral",
        prompt=(
            "KING.\nMy lord of Warwick, see the gates be barred;\nThe night is dark, "
            "and traitors walk the streets.\n\nWARWICK.\nMy liege, the gates are "
            "barred, the watch is set,\nAnd every street is quiet as the grave.\n\n"
            "KING.\nThen leave us, Warwick, for we would be alone.\n\nWARWICK.\n"
        ),
        seed=7,
        new_tokens=40,
        narrow=64,
        shorter=32,
        ring_tokens=300,
    ),
    Example(
        preset="smollm2_135m_instruct",
        prompt=(
            "The lighthouse keeper lit the lamp every evening. One night the lamp did "
            "not light, so the lighthouse keeper"
        ),
        seed=7,
        new_tokens=16,
        narrow=16,
        shorter=8,
        ring_tokens=16,
    ),
)


def settings_of(example: Example) -> GenerationSettings:
    """Those of the run that most scenes show."""
    return GenerationSettings(
        sampler="top_p",
        top_p=0.9,
        temperature=0.8,
        chat=False,
        seed=example.seed,
        max_new_tokens=example.new_tokens,
    )


def scenes(engine: Engine[MistralCausalLM], example: Example) -> Iterator[Scene]:
    """Every view of VIEWS, of the run that shows it best."""
    settings = settings_of(example)

    def explorer(run: Transcript) -> Explorer:
        return Explorer(SimpleNamespace(engine=engine, transcript=run))

    def written(**changes: Any) -> Explorer:
        asked = replace(settings, **changes)
        return explorer(finished_run(engine, example.prompt, asked))

    usual, longer = written(), written(max_new_tokens=example.ring_tokens)
    others = {
        "beam_tree": written(sampler="beam", num_beams=4, max_new_tokens=8),
        "contrastive": written(sampler="contrastive", max_new_tokens=12),
        "ring": longer,
        "memory": longer,
    }
    chosen = _chosen(usual, example)
    for name, view in VIEWS.items():
        of = others.get(name, usual)
        given = {each: chosen[each] for each in view.parameters if each in chosen}
        if view.heads != "Head":
            del given["head"]  # of fewer, so that the clearest one may not be there
        if name == "contrastive":
            given["index"] = _most_penalised(of.run)
        if name == "salience":
            given = {"position": _longest(of)}
        if view.is_of_several_runs:
            compared = _compared(engine, example)
            made = view.make([explorer(run).subject for run in compared])
        else:
            made = of.view(name, **given)
        yield Scene(
            name=name, view=made, about=_about(view), how_to_read=view.how_to_read
        )
    by = "line" if "\n" in example.prompt else "word"
    head = {each: chosen[each] for each in ("layer", "head")}
    yield Scene(
        name=f"attention_by_{by}",
        view=usual.view("attention", **head, by=by),
        about=_about(VIEWS["attention"]),
        how_to_read=f"The head of “Attention”, with the tokens of a {by} together.",
    )


def _about(view: Declaration) -> str:
    """What it shows, and where it is found."""
    tab = f"In the tab {view.tab}" + (f" as {view.choice}" if view.choice else "")
    found = f"{tab}, in Python" if view.tab else "In Python"
    return f"{view.words} {found} `show_{view.name}`."


def finished_run(
    engine: Engine[MistralCausalLM], prompt: str, settings: GenerationSettings
) -> Transcript:
    """A run to its end. Raises ValueError if it failed."""
    session = Session(engine, record=True)
    for event in session.generate(prompt, settings):
        if isinstance(event, Finished) and event.reason == "error":
            raise ValueError(event.message)
    assert session.transcript is not None
    return session.transcript


def _chosen(explorer: Explorer, example: Example) -> Mapping[str, Any]:
    """What is looked at: an unsure token, the clearest induction head, a window."""
    finder: Any = explorer.view("head_kinds")
    layer, head, _ = finder.strongest("induction") or (0, 0, 0.0)
    return {
        "index": _least_sure(explorer.run),
        "layer": layer,
        "head": head,
        "sliding_window": example.narrow,
        "shorter": example.shorter,
    }


def _least_sure(run: Transcript) -> int:
    """The new token with the most entropy of those that were recorded."""
    known = {n: record for n, record in enumerate(run.records) if record is not None}
    return max(known, key=lambda n: float(known[n].entropy))


def _longest(explorer: Explorer) -> int:
    """The position of the answer's longest token, which says the most."""
    subject = explorer.subject
    answer = range(subject.num_prompt, len(subject.labels))
    return max(answer, key=lambda n: len(subject.labels[n]))


def _compared(
    engine: Engine[MistralCausalLM], example: Example
) -> Sequence[Transcript]:
    usual = settings_of(example)
    asked = [
        replace(usual, sampler="greedy"),
        usual,
        replace(usual, sampler="random", temperature=1.3),
        replace(usual, sampler="top_k", top_k=5),
    ]
    comparison = Comparison(engine, example.prompt, asked)
    for update in comparison.updates():
        event = update.event
        if isinstance(event, Finished) and event.reason == "error":
            raise ValueError(event.message)
    return comparison.runs


def _most_penalised(run: Transcript) -> int:
    """The step whose winner is not the likeliest candidate, if there is one."""
    beaten = (
        n
        for n, (seen, token_id) in enumerate(
            zip(run.compared, run.token_ids, strict=False)
        )
        if max(seen, key=lambda candidate: candidate.probability).token_id != token_id
    )
    return next(beaten, 0)
