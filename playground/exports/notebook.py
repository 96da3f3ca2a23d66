"""This run as a Jupyter notebook: load, run, look.

nbformat 4.5 is a small JSON form, written here by hand. The words of its text cells are
ours alone; what came from outside stands in code, as a literal.
"""

import json
from collections.abc import Iterator
from typing import Any

from playground.exports.code import (
    IMPORTS,
    facts_of,
    load_code,
    run_code,
    sampler_import,
)
from playground.samplers.choice import is_search
from playground.tokenizers import Tokenizer
from playground.transcript import Transcript

_TITLE = """\
# A run of the Mistral playground

These cells load the same model and write the same text: the sampler draws with the
run's own seed. Needs `mistral-playground` {version} and Jupyter in one environment."""

_RUN = """\
## The run

Change a number of the sampler and run this cell again; nothing compiles for it. Without
`seed` every run draws anew."""

_TOKENS = """\
## Token by token

The probability is the model's own, before the sampler. Rank 1 is its likeliest token,
and *choices* is the exponential of its entropy: as unsure as among so many equal
tokens."""

_TOKENS_CODE = """\
import math

from playground.views.labels import labels

tokenizer = model.preprocessor.tokenizer
print(f"{'token':20} {'probability':>11} {'rank':>6} {'choices':>9}")
for name, record in zip(labels(tokenizer, answer.token_ids), answer.records):
    chance = math.exp(record.logprob)
    print(f"{name:20} {chance:11.2%} {record.rank:6,} {record.choices:9.1f}")
"""

_LEAST_SURE = """\
## Where the model was least sure

What each stage of the sampler left there, and the likeliest candidates with their
probability before and after it."""

_LEAST_SURE_CODE = """\
from playground.views.candidates import candidates_view

entropies = [record.entropy for record in answer.records]
index = entropies.index(max(entropies))
record, token_id = answer.records[index], answer.token_ids[index]
show(candidates_view(tokenizer, record, token_id, index))
"""

_WINDOW = """\
## Under the sliding window

A token sees itself and the ones before it, as far as the window reaches. Each layer
hands on what the layer below it saw, so layers reach further together."""

_WINDOW_CODE = """\
from playground.views.labels import labels
from playground.views.window import window_of
from playground.views.window_ruler import ruler_view

tokenizer = model.preprocessor.tokenizer
prompt_ids = {prompt_ids}
names = labels(tokenizer, [*prompt_ids, *answer.token_ids])
show(ruler_view(names, len(prompt_ids), window_of(model.backbone, {window!r})))
"""

_SHOW = """\
from IPython.display import Image, display

from playground.plots import picture


def show(view):
    display(Image(picture(view), width=720, alt=view.words()))
    print(view.words())
"""


def notebook(run: Transcript, tokenizer: Tokenizer) -> bytes:
    """A notebook (.ipynb) that writes the run again, and looks at it.

    Raises ValueError if the run does not say which model wrote it.
    """
    cells = list(_cells(run, tokenizer))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    whole = {
        "cells": cells,
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def _cells(run: Transcript, tokenizer: Tokenizer) -> Iterator[dict[str, Any]]:
    new_ids = run.token_ids[run.answered :]
    yield _text(_TITLE.format(version=facts_of(run).version))
    yield _code(f"{IMPORTS}{sampler_import(run, tokenizer)}\n{load_code(run)}")
    yield _text(_RUN)
    recorded = not is_search(run.settings)
    yield _code(run_code(run, tokenizer, recorded) + "print(answer.text)\n")
    yield _text("The same tokens as the first time?")
    yield _code(f"first_time = {new_ids}\nprint(answer.token_ids == first_time)\n")
    yield _code(_SHOW)
    if recorded and new_ids:
        yield _text(_TOKENS)
        yield _code(_TOKENS_CODE)
        yield _text(_LEAST_SURE)
        yield _code(_LEAST_SURE_CODE)
    yield _text(_WINDOW)
    before = [*run.prompt_token_ids, *run.token_ids[: run.answered]]
    window = run.settings.sliding_window
    yield _code(_WINDOW_CODE.format(prompt_ids=before, window=window))


def _text(words: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": words}


def _code(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": source.rstrip("\n"),
    }
