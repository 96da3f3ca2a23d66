"""Training runs by command: what they write, and that they go on where they ended."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
import pytest

from playground import training
from playground.__main__ import main
from playground.models import MistralBackbone, MistralCausalLMPreprocessor
from playground.training import Recipe, measuring, read_corpus, run
from playground.training.batches import Sequences

Capture = pytest.CaptureFixture[str]
Steps = set[tuple[int, int]]


class Killed(Exception):
    """Stands for the signal."""


def _die(*_: object) -> None:
    raise Killed


class KillAt(keras.callbacks.Callback):
    def __init__(self, step: int) -> None:
        super().__init__()
        self.left = step

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        del batch, logs
        self.left -= 1
        if not self.left:
            raise Killed


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    before = jax.config.jax_compilation_cache_dir
    with pytest.MonkeyPatch.context() as patched:
        yield patched
    jax.config.update("jax_compilation_cache_dir", before)


@pytest.fixture(scope="module")
def trained(
    archive: Path,
    tmp_path_factory: pytest.TempPathFactory,
    patched: pytest.MonkeyPatch,
    recipe: Recipe,
) -> tuple[Path, list[Steps]]:
    """What `train_twice` gives. SGD stands for Muon, which takes long to compile."""
    patched.setattr(
        Recipe, "optimizer", lambda _: keras.optimizers.SGD(0.3, momentum=0.9)
    )
    folder = tmp_path_factory.mktemp("presets")
    return folder, train_twice(folder, archive, recipe, patched)


@pytest.fixture(scope="module")
def presets(trained: tuple[Path, list[Steps]]) -> Path:
    """Two presets of one recipe: "whole", and "parts", whose training was killed."""
    return trained[0]


def train_twice(
    folder: Path, archive: Path, recipe: Recipe, patched: pytest.MonkeyPatch
) -> list[Steps]:
    """Trains the two presets; gives the (epoch, step) that each of four runs read."""
    patched.setattr(training, "Recipe", lambda **changes: recipe_with(recipe, changes))
    patched.setenv("JAX_COMPILATION_CACHE_DIR", str(folder / "xla"))
    jax.config.update("jax_compilation_cache_dir", str(folder / "xla"))
    steps: list[Steps] = []
    read = Sequences.__getitem__

    def recorded(self: Sequences, index: int) -> Any:
        steps[-1].add((self._epoch, index))
        return read(self, index)

    patched.setattr(Sequences, "__getitem__", recorded)

    def train(name: str, cache: str) -> int:
        steps.append(set())
        patched.setenv("PLAYGROUND_CACHE_DIR", str(folder / cache))
        return main(["train", str(folder / name), "--corpus", str(archive)])

    assert train("whole", "one") == 0
    callbacks = run._callbacks
    with pytest.MonkeyPatch.context() as killing:
        # In the middle of the second epoch, whose first step is then done twice.
        killing.setattr(run, "_callbacks", lambda at: [*callbacks(at), KillAt(3)])
        with pytest.raises(Killed):
            train("parts", "two")
    with pytest.MonkeyPatch.context() as killing:
        # After the last step, before the preset is there.
        killing.setattr(run, "_write", _die)
        with pytest.raises(Killed):
            train("parts", "two")
    assert not (folder / "parts").exists()
    assert train("parts", "two") == 0
    return steps


def recipe_with(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    return Recipe(**{**vars(recipe), **changes})


def weights_of(preset: Path) -> list[np.ndarray]:
    return [v.numpy() for v in MistralBackbone.from_preset(str(preset)).variables]


def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(presets: Path) -> None:
    whole, parts = weights_of(presets / "whole"), weights_of(presets / "parts")
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_was_learned_before_is_not_learned_again(
    trained: tuple[Path, list[Steps]],
) -> None:
    whole, killed, second, third = trained[1]
    assert whole == {(epoch, step) for epoch in range(3) for step in range(2)}
    assert killed == {(0, 0), (0, 1), (1, 0)}
    # Keras looks at one batch before it knows where the run goes on.
    assert second - {(0, 0)} == {(1, 0), (1, 1), (2, 0), (2, 1)}
    assert third <= {(0, 0)}


def test_the_log_has_each_epoch_once(presets: Path, recipe: Recipe) -> None:
    logs = [
        json.loads((presets / name / "training.json").read_text())
        for name in ("whole", "parts")
    ]
    for log in logs:
        assert log["recipe"]["steps"] == recipe.steps
        assert len(log["val_loss"]) == len(log["loss"]) == len(log["cpu_seconds"]) == 3
        assert log["val_loss"][-1] < log["val_loss"][0]
    assert logs[0]["val_loss"] == logs[1]["val_loss"]


def test_a_preset_is_stored_in_16_bits_and_loaded_in_32(presets: Path) -> None:
    config = json.loads((presets / "whole" / "config.json").read_text())["config"]
    assert config["dtype"]["config"]["name"] == "float16"
    assert (config["head_dim"], config["sliding_window"]) == (10, 4)
    backbone = MistralBackbone.from_preset(str(presets / "whole"))
    assert {str(v.dtype) for v in backbone.variables} == {"float32"}
    preprocessor = MistralCausalLMPreprocessor.from_preset(str(presets / "whole"))
    assert preprocessor.sequence_length == 16


def test_no_backup_is_left(presets: Path) -> None:
    for name in ("one", "two"):
        assert list((presets / name / "training").iterdir()) == []


def test_evaluate_prints_what_the_card_says(
    presets: Path, archive: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [("ROMEO.\n", 1, "ROMEO.\nAnd all the clouds")]
    monkeypatch.setattr(measuring, "draw_samples", lambda _: samples)
    monkeypatch.setattr(measuring, "WINDOWS", (2, None))
    command = ["evaluate", str(presets / "whole"), "--corpus", str(archive)]
    assert main([*command, "--against", str(presets / "parts"), "--card"]) == 0
    printed = capsys.readouterr().out
    card = (presets / "whole" / "README.md").read_text()
    assert card.startswith("# whole\n")
    assert printed.strip() in card
    assert "Prompt 'ROMEO.\\n', seed 1:" in card
    lines = [line.strip("| ").split(" | ") for line in printed.splitlines()]
    head = ["bits per byte on", "bytes", "this model", "trigram", "parts"]
    assert lines[0] == head
    _, num_bytes, this, trigram, peer = next(
        line for line in lines if line[0] == "together"
    )
    assert this == peer != trigram
    held_out = read_corpus(archive).held_out.values()
    assert num_bytes == f"{sum(map(len, held_out)):,}"


def test_a_card_needs_the_log_of_the_training(tmp_path: Path, capsys: Capture) -> None:
    assert main(["evaluate", str(tmp_path), "--card"]) == 2
    assert "has no training.json" in capsys.readouterr().err


def test_steps_that_end_between_two_validations_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 50"):
        Recipe(steps=70)


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_real_optimizer_too(
    archive: Path, tmp_path: Path, patched: pytest.MonkeyPatch, recipe: Recipe
) -> None:
    patched.undo()
    train_twice(tmp_path, archive, recipe, patched)
    whole, parts = weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts")
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)
