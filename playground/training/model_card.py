"""The words that lie beside the trained model, out of measured numbers only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.models import MistralCausalLM
from playground.samplers import TopPSampler
from playground.training.evaluation import Score

# Chosen before there was a model to try them on.
PROMPTS = ("ROMEO.\n", "To be, or not to be", "SCENE II. A forest.\n\n")
SEEDS = (1, 2)
_SAMPLE_TOKENS = 120
EXCERPT = "an excerpt"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """All that is measured of a model.

    Attributes:
        scores: Name -> score of each held-out work, and of the `EXCERPT`.
        trigram: The same of a trigram over the same tokens.
        peer: The same of another model, or nothing.
        peer_name: What to call that model.
        windows: Window in tokens, or None for all -> score of one work.
        part_of: The name of that work, which the excerpt is of too.
        samples: (prompt, seed, text).
    """

    scores: Mapping[str, Score]
    trigram: Mapping[str, Score]
    peer: Mapping[str, Score]
    peer_name: str
    windows: Mapping[int | None, Score]
    part_of: str
    samples: Sequence[tuple[str, int, str]]


def _total(scores: Mapping[str, Score]) -> Score:
    """Of all works together."""
    works = (score for name, score in scores.items() if name != EXCERPT)
    return sum(works, start=Score(nats=0.0, num_tokens=0, num_bytes=0))


def draw_samples(model: MistralCausalLM) -> list[tuple[str, int, str]]:
    """What comes for each prompt and seed: the first answer, never a chosen one."""
    samples = []
    for prompt in PROMPTS:
        for seed in SEEDS:
            model.compile(sampler=TopPSampler(p=0.9, temperature=0.8, seed=seed))
            samples.append((prompt, seed, model.generate(prompt, _SAMPLE_TOKENS)))
    return samples


def numbers(measured: Measured) -> str:
    """The measured part of the card, as Markdown."""
    columns = {"this model": measured.scores, "trigram": measured.trigram}
    if measured.peer:
        columns[measured.peer_name] = measured.peer
    cells = [["bits per byte on", "bytes", *columns]]
    whole = _total(measured.scores)
    for name, score in {**measured.scores, "together": whole}.items():
        found = [{**s, "together": _total(s)}[name] for s in columns.values()]
        cells.append([_title(name), f"{score.num_bytes:,}", *map(_bits, found)])
    windows = [["window (tokens)", "bits per byte"]]
    windows += [[str(w or "all"), _bits(s)] for w, s in measured.windows.items()]
    return (
        f"{_table(cells)}\n"
        f"That is {whole.nats_per_token:.3f} nats for each of {whole.num_tokens:,} "
        "tokens.\n\n"
        f"The excerpt, out of {_title(measured.part_of)}, lies with the tests, which\n"
        "measure it anew.\n\n"
        "That work with other windows; those wider than the trained one show the\n"
        "model distances that it has never seen:\n\n"
        f"{_table(windows)}"
    )


def _sizes(recipe: Mapping[str, Any]) -> list[list[str]]:
    sizes = {"vocabulary_size": recipe["vocabulary_size"], **recipe["sizes"]}
    return [[f"`{name}`", str(value)] for name, value in sizes.items()]


def _title(work: str) -> str:
    return work.replace("_", " ")


def _bits(score: Score) -> str:
    return f"{score.bits_per_byte:.3f}"


def _table(cells: Sequence[Sequence[str]]) -> str:
    head, *rows = (f"| {' | '.join(row)} |\n" for row in cells)
    return head + "|" + "-|" * len(cells[0]) + "\n" + "".join(rows)


def samples_as_markdown(samples: Sequence[tuple[str, int, str]]) -> str:
    """Each text as it came, behind the prompt that it begins with."""
    return "\n".join(
        f"Prompt {prompt!r}, seed {seed}:\n\n```\n{text.rstrip()}\n```\n"
        for prompt, seed, text in samples
    )


def model_card(name: str, log: Mapping[str, Any], measured: Measured) -> str:
    """The whole card. `log` is the model's training.json."""
    recipe, cpu_hours = log["recipe"], sum(log["cpu_seconds"]) / 3600
    tokens = recipe["steps"] * recipe["batch_size"] * recipe["length"]
    return _CARD.format(
        name=name,
        sizes=_table([["argument", "value"], *_sizes(recipe)]),
        works=", ".join(_title(name) for name in measured.scores if name != EXCERPT),
        training_tokens=log["training_tokens"],
        steps=recipe["steps"],
        batch_size=recipe["batch_size"],
        length=recipe["length"],
        half=recipe["length"] // 2,
        passes=tokens / log["training_tokens"],
        cpu_hours=cpu_hours,
        loss=log["loss"][-1],
        val_loss=log["val_loss"][-1],
        versions=", ".join(f"{key} {value}" for key, value in log["versions"].items()),
        numbers=numbers(measured),
        samples=samples_as_markdown(measured.samples),
    )


_CARD = """# {name}

A small Mistral that writes Shakespeare, trained by this project with its own `fit()`.
It answers at once, and its window binds on short prompts, so everything here can be
seen on it.

## Model

{sizes}
The vocabulary is SentencePiece BPE with bytes. Weights are stored in float16 and loaded
in float32.

## Data

The plays and poems of Shakespeare in today's spelling, from Project Gutenberg, as in
the package shakespeare 0.6 of the Open Knowledge Foundation: the texts are in the
public domain, the collection is CC BY 2.5. {training_tokens:,} tokens to learn from.
Held out, from the vocabulary too: {works}.

## Training

`python -m playground train {name}`: {steps:,} steps of {batch_size} sequences
of {length} tokens, {passes:.1f} times through the texts, with Muon, in {cpu_hours:.1f}
hours of processor time over all cores. Last training loss {loss:.3f}, last validation
loss on some held-out sequences {val_loss:.3f} nats a token.
{versions}.

## How good it is

On the held-out works; each token is predicted from at least {half} tokens before it.
`python -m playground evaluate {name}` measures it again. The trigram
(interpolated, Kneser-Ney) has learned from the same texts in the same tokens.

{numbers}
## What it writes

Prompts and seeds were fixed before there was a model, and nothing was chosen:
top-p 0.9 at temperature 0.8.

{samples}
## What it is not good for

Facts, instructions, conversation, code, any other language or age. It knows the sound
of a play and little of its sense. Some of its lines are Shakespeare's own, learned by
heart. The plays hold violence, and the prejudices of their age; so may its texts.

Apache-2.0, like the rest of the project.
"""
