"""`python -m playground models` and `convert`."""

import json
import re
from pathlib import Path

import pytest

from playground.__main__ import main
from playground.models import MistralBackbone
from playground.presets import PRESETS
from playground.presets.catalog import WheelMember
from tests.presets.huggingface_folder import BY_TRANSFORMERS, FOLDERS

Capture = pytest.CaptureFixture[str]


def test_models_are_listed_in_a_table(capsys: Capture) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    head = ["NAME", "PARAMETERS", "SIZE", "LICENSE", "HERE", "DESCRIPTION"]
    assert lines[0].split() == head
    assert [line.split()[0] for line in lines[1 : 1 + len(PRESETS)]] == list(PRESETS)
    mistral = next(line for line in lines if line.startswith("mistral_7b_en"))
    assert "7.24 billion" in mistral
    assert "14.5 GB in bfloat16" in mistral
    small = next(line for line in lines if line.startswith("shakespeare_mistral"))
    assert re.search(r" 4.4 million +comes along ", small)


def test_models_are_listed_as_json_with_what_is_here(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLAYGROUND_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kaggle"))

    def here() -> list[str]:
        assert main(["models", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert [model["name"] for model in found] == list(PRESETS)
        return [model["name"] for model in found if model["on_this_machine"]]

    assert here() == ["shakespeare_mistral"]
    kaggle = tmp_path / "kaggle/models/keras/mistral/keras/mistral_7b_en"
    for name in ("8/model.weights.h5", ".complete/8/model.weights.h5.complete"):
        (kaggle / name).parent.mkdir(parents=True)
        (kaggle / name).touch()
    assert here() == ["shakespeare_mistral", "mistral_7b_en"]
    source = PRESETS["smollm2_135m_instruct"].source
    assert isinstance(source, WheelMember)
    (tmp_path / "models").mkdir()
    member = tmp_path / "models" / f"{source.sha256[:12]}-{source.file_name}"
    with member.open("wb") as file:
        file.truncate(source.num_bytes)
    everything = ["smollm2_135m_instruct", "shakespeare_mistral", "mistral_7b_en"]
    assert here() == everything


@pytest.mark.parametrize(
    ("layout", "length"), [("huggingface", 1024), ("keras_hub", 24)]
)
def test_a_converted_model_has_the_same_weights(
    layout: str, length: int, tmp_path: Path, capsys: Capture
) -> None:
    source, target = FOLDERS / layout, tmp_path / "new" / "preset"
    assert main(["convert", str(source), str(target)]) == 0
    assert f"Wrote {target}" in capsys.readouterr().out
    first, second = (MistralBackbone.from_preset(str(p)) for p in (source, target))
    for one, other in zip(first.variables, second.variables, strict=True):
        assert (one.numpy() == other.numpy()).all()
    stored = json.loads((target / "preprocessor.json").read_text())["config"]
    assert stored["sequence_length"] == length
    assert [path.name for path in target.parent.iterdir()] == ["preset"]


def test_a_conversion_can_halve_the_weights(tmp_path: Path) -> None:
    sizes = {}
    for dtype in ("float32", "bfloat16"):
        target = tmp_path / dtype
        assert (
            main(["convert", str(BY_TRANSFORMERS), str(target), "--dtype", dtype]) == 0
        )
        config = json.loads((target / "config.json").read_text())["config"]
        assert config["dtype"]["config"]["name"] == dtype
        sizes[dtype] = (target / "model.weights.h5").stat().st_size
    # HDF5 notes the type beside each array.
    assert sizes["float32"] - sizes["bfloat16"] == pytest.approx(2 * 22496, rel=0.2)


def test_what_keras_hub_has_no_form_for_is_said(
    tmp_path: Path, capsys: Capture
) -> None:
    main(["convert", str(BY_TRANSFORMERS), str(tmp_path / "new")])
    assert "not kept: the context length" in capsys.readouterr().out


def test_a_folder_that_is_not_empty_is_left_alone(
    tmp_path: Path, capsys: Capture
) -> None:
    files = {"notes.txt": "mine", "model.weights.json": "an older index"}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    arguments = ["convert", str(BY_TRANSFORMERS), str(tmp_path)]
    assert main(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == files
    assert main([*arguments, "--force"]) == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "model.weights.json").exists()
    assert (tmp_path / "model.weights.h5").is_file()


def test_a_conversion_that_fails_leaves_nothing(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("playground.presets.keras.writer._write", no_space)
    assert main(["convert", str(BY_TRANSFORMERS), str(tmp_path / "new")]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_tokenizer_without_a_form_is_refused_before_the_weights(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.commands.convert.resolve", None)
    assert main(["convert", "smollm2_135m_instruct", str(tmp_path / "new")]) == 2
    assert "needs a SentencePiece tokenizer" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "target", "status", "words"),
    [
        ("nothing", "new", 1, "'nothing' is not a model"),
        (str(BY_TRANSFORMERS), "file", 2, "is a file"),
        (str(BY_TRANSFORMERS), str(BY_TRANSFORMERS), 2, "the same folder"),
    ],
)
def test_a_conversion_that_cannot_be_is_explained(
    source: str, target: str, status: int, words: str, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "file").touch()
    assert main(["convert", source, str(tmp_path / target), "--force"]) == status
    assert words in capsys.readouterr().err
