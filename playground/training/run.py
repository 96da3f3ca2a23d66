"""Trains a model with Keras's own `fit`, and goes on where a run before it ended."""

import hashlib
import json
import shutil
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from playground.models import (
    MistralCausalLM,
    MistralCausalLMPreprocessor,
    MistralTokenizer,
)
from playground.presets.keras import write_keras_preset
from playground.training.batches import (
    Batch,
    Sequences,
    cut,
    start_and_end,
    token_stream,
)
from playground.training.corpus import Corpus
from playground.training.recipe import Recipe
from playground.training.vocabulary import train_vocabulary

LOG_FILE = "training.json"
_VALIDATION_SEQUENCES = 64


def train(corpus: Corpus, recipe: Recipe, target: Path, scratch: Path) -> None:
    """Trains a model and writes it as a preset, in 16 bits, with the log of its making.

    Keras tells the progress. A run that was killed goes on from its last backup in
    `scratch`, and ends with the weights that it would have had.

    Args:
        corpus: What to learn from, and what to validate with.
        recipe: How.
        target: The folder of the preset.
        scratch: Where backups are kept while it runs, in a folder for each recipe and
            corpus.

    Raises:
        ValueError: The texts are too short for the recipe.
        OSError: A folder cannot be written.
    """
    folder = scratch / _name(corpus, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = MistralTokenizer(_vocabulary(folder, corpus, recipe))
    model = MistralCausalLM(recipe.backbone())
    model.compile(optimizer=recipe.optimizer(), weighted_metrics=None)
    stream = token_stream(corpus.training.values(), tokenizer)
    sequences = Sequences(
        stream,
        tokenizer,
        length=recipe.length,
        batch_size=recipe.batch_size,
        steps_per_epoch=recipe.steps_per_epoch,
        seed=recipe.seed,
    )
    model.fit(
        sequences,
        epochs=recipe.steps // recipe.steps_per_epoch,
        validation_data=_validation(corpus, tokenizer, recipe.length),
        validation_batch_size=recipe.batch_size,
        callbacks=[sequences.follow(), *_callbacks(folder)],
        verbose=1 if sys.stdout.isatty() else 2,
        shuffle=False,  # the order is the recipe's
    )
    _write(model, tokenizer, recipe, target)
    log = {"recipe": asdict(recipe), "training_tokens": len(stream), **_log(folder)}
    (target / LOG_FILE).write_text(json.dumps(log, indent=1) + "\n")
    shutil.rmtree(folder)


def _name(corpus: Corpus, recipe: Recipe) -> str:
    """Another recipe, or other texts, have another name."""
    texts = [sorted(works.items()) for works in (corpus.training, corpus.held_out)]
    values = repr((sorted(asdict(recipe).items()), texts))
    return hashlib.sha256(values.encode()).hexdigest()[:12]


def _vocabulary(folder: Path, corpus: Corpus, recipe: Recipe) -> bytes:
    """Trained once a run: weights belong to the vocabulary that they began with."""
    file = folder / "vocabulary.spm"
    if not file.exists():
        proto = train_vocabulary(corpus.training.values(), recipe.vocabulary_size)
        file.write_bytes(proto)
    return file.read_bytes()


def _validation(corpus: Corpus, tokenizer: MistralTokenizer, length: int) -> Batch:
    """Some sequences of the held-out works, always the same."""
    stream = token_stream(corpus.held_out.values(), tokenizer)
    if len(stream) < length:
        raise ValueError(
            f"The held-out texts have {len(stream):,} tokens, fewer than one sequence "
            f"of {length:,}. Give longer ones."
        )
    count = min(_VALIDATION_SEQUENCES, len(stream) // length)
    starts = np.linspace(0, len(stream) - length, count).astype(np.int32)
    start, _ = start_and_end(tokenizer)
    return cut(stream, starts, length, start)


def _callbacks(folder: Path) -> list[Any]:
    """A line of the log and a backup at the end of each epoch."""
    return [
        _Log(folder / "log.jsonl"),
        keras.callbacks.BackupAndRestore(
            folder / "backup",
            double_checkpoint=True,  # it may be killed while it writes
            delete_checkpoint=False,  # not before the preset is written
        ),
    ]


class _Log(keras.callbacks.Callback):
    """Losses in nats a token, and processor time over all cores, epoch by epoch.

    Processor time counts no pauses and no neighbours.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        del epoch, logs
        self._started = time.process_time()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        seconds = time.process_time() - self._started
        line = {"epoch": epoch, **(logs or {}), "cpu_seconds": seconds}
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")


def _write(
    model: MistralCausalLM, tokenizer: MistralTokenizer, recipe: Recipe, target: Path
) -> None:
    """The weights in float16, which is close enough for a model of this size."""
    preprocessor = MistralCausalLMPreprocessor(tokenizer, recipe.length)
    write_keras_preset(
        target,
        model.backbone.get_config(),
        ((v.path, np.asarray(v.value, np.float16)) for v in model.backbone.variables),
        tokenizer,
        sequence_length=preprocessor.sequence_length,
        add_start_token=preprocessor.add_start_token,
        add_end_token=preprocessor.add_end_token,
    )


def _log(folder: Path) -> dict[str, Any]:
    """What each epoch was like; of one that was begun anew, the last time."""
    lines = (folder / "log.jsonl").read_text().splitlines()
    epochs = {line["epoch"]: line for line in map(json.loads, lines)}
    names = ("loss", "val_loss", "cpu_seconds")
    packages = ("keras", "jax", "sentencepiece")
    return {
        **{name: [round(epochs[n][name], 4) for n in sorted(epochs)] for name in names},
        "versions": {name: version(name) for name in packages},
    }
