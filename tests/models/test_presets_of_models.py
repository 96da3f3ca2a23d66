"""Models that are saved and come back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from playground.engine import compilations
from playground.models import MistralBackbone, MistralCausalLM
from playground.presets import LoadError
from playground.system import free_memory


def test_a_saved_model_comes_back_and_says_the_same(
    reader: MistralCausalLM, tmp_path: Path
) -> None:
    reader.save_to_preset(tmp_path / "mine")
    twin = MistralCausalLM.from_preset(str(tmp_path / "mine"))
    assert twin.backbone.sliding_window == 7
    for model in (reader, twin):
        model.compile(sampler="greedy")
    assert twin.generate("the sea", 30) == reader.generate("the sea", 30)


def test_arguments_of_a_preset_can_be_overridden(
    reader: MistralCausalLM, tmp_path: Path
) -> None:
    reader.save_to_preset(tmp_path / "mine")
    narrow = MistralBackbone.from_preset(str(tmp_path / "mine"), sliding_window=2)
    assert narrow.sliding_window == 2
    half = MistralBackbone.from_preset(str(tmp_path / "mine"), dtype="bfloat16")
    assert half.token_embedding.embeddings.dtype == "bfloat16"


def test_programs_of_a_model_without_weights_are_those_of_the_whole_one(
    reader: MistralCausalLM, tmp_path: Path
) -> None:
    reader.save_to_preset(tmp_path / "mine")

    def read_a_text(model: MistralCausalLM) -> np.ndarray:
        programs = model.programs
        weights, cache = programs.weights(), programs.empty_cache(384)
        tokens = np.arange(1, 9, dtype=np.int32)
        return np.asarray(programs.forward(weights, cache, tokens, 0, 8, 7)[0])

    @contextmanager
    def meanwhile(model: MistralCausalLM) -> Iterator[None]:
        assert not read_a_text(model).any()
        yield

    model = MistralCausalLM.from_preset(str(tmp_path / "mine"), meanwhile=meanwhile)
    before = compilations()
    logits = read_a_text(model)
    assert compilations() == before
    np.testing.assert_allclose(logits, read_a_text(reader), atol=1e-5)


def test_without_weights_they_are_random(
    reader: MistralCausalLM, tmp_path: Path
) -> None:
    reader.save_to_preset(tmp_path / "mine")
    fresh = MistralBackbone.from_preset(str(tmp_path / "mine"), load_weights=False)
    embeddings = np.asarray(fresh.token_embedding.embeddings.value)
    assert 0.01 < embeddings.std() < 0.03
    assert fresh.get_config()["hidden_dim"] == 24


def test_a_model_that_does_not_fit_is_refused_before_it_is_made(
    reader: MistralCausalLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.save_to_preset(tmp_path / "mine")
    monkeypatch.setattr(free_memory, "free_bytes", lambda: 1000)
    monkeypatch.setattr(MistralBackbone, "__init__", None)
    with pytest.raises(LoadError, match="in float32, but"):
        MistralBackbone.from_preset(str(tmp_path / "mine"))


def test_lora_is_not_saved_in_silence(reader: MistralCausalLM, tmp_path: Path) -> None:
    reader.backbone.enable_lora(2)
    with pytest.raises(ValueError, match="lora"):
        reader.save_to_preset(tmp_path / "mine")
    assert [p for p in (tmp_path / "mine").rglob("*") if p.is_file()] == []


def test_a_backbone_is_saved_as_it_is_in_a_whole_preset(
    reader: MistralCausalLM, tmp_path: Path
) -> None:
    """keras-hub reads it (exports/test_keras_hub_runs.py)."""
    whole, alone = tmp_path / "whole", tmp_path / "alone"
    reader.save_to_preset(whole)
    reader.backbone.save_to_preset(alone)
    files = {"config.json", "metadata.json", "model.weights.h5"}
    assert {path.name for path in alone.iterdir()} == files
    for file in files - {"metadata.json"}:  # which says when
        assert (alone / file).read_bytes() == (whole / file).read_bytes()
