"""The notebook of a run: a form that Jupyter reads, and cells that really run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from playground.exports import notebook
from playground.models import MistralCausalLM
from playground.session import Session
from playground.tokenizers import Tokenizer
from playground.transcript import ModelFacts
from tests.exports.conftest import Write, latest
from tests.exports.test_code import made_up, texts


def cells_of(data: bytes) -> list[dict[str, Any]]:
    values = json.loads(data)
    assert (values["nbformat"], values["nbformat_minor"]) == (4, 5)
    assert values["metadata"]["kernelspec"]["name"] == "python3"
    cells: list[dict[str, Any]] = values["cells"]
    return cells


def run_cells(data: bytes) -> dict[str, Any]:
    """One after the other, as a kernel does, in one namespace."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells_of(data):
        if cell["cell_type"] == "code":
            exec(compile(cell["source"], cell["id"], "exec"), names)
    return names


def test_cells_are_as_nbformat_4_5_wants_them(tokenizer: Tokenizer) -> None:
    cells = cells_of(notebook(made_up("a"), tokenizer))
    ids = [cell["id"] for cell in cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", cell_id) for cell_id in ids)
    for cell in cells:
        extra = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"id", "cell_type", "metadata", "source"} | extra
        assert isinstance(cell["source"], str)


def test_its_cells_load_write_and_show(
    write: Write,
    folder: Path,
    tokenizer: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = write(sampler="top_p", stop_strings=("never there",), sliding_window=5)
    monkeypatch.chdir(folder)
    names = run_cells(notebook(run, tokenizer))
    assert names["answer"].token_ids == run.token_ids
    assert names["answer"].records == run.records
    shown = capsys.readouterr().out
    assert f"{run.text}\nTrue\n" in shown
    least_sure = max(r.entropy for r in run.records if r is not None)
    assert names["record"].entropy == least_sure
    assert "What new token" not in shown  # a title is in the picture
    assert "The next token sees" in shown


@pytest.mark.parametrize("sampler", ["beam", "contrastive"])
def test_a_search_has_a_notebook_without_records(
    write: Write,
    model: MistralCausalLM,
    tokenizer: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
    sampler: str,
) -> None:
    monkeypatch.setattr(MistralCausalLM, "from_preset", lambda *_, **__: model)
    run = write(sampler=sampler, num_beams=2, contrastive_k=3)
    assert run_cells(notebook(run, tokenizer))["answer"].token_ids == run.token_ids


def test_an_answer_that_went_on_has_one_too(
    write: Write,
    session: Session,
    model: MistralCausalLM,
    tokenizer: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MistralCausalLM, "from_preset", lambda *_, **__: model)
    write(sampler="random")
    *_, end = session.go_on(position=5)
    run = latest(session, model, end)
    names = run_cells(notebook(run, tokenizer))
    assert names["answer"].token_ids == run.token_ids[5:]
    assert len(names["names"]) == len(run.prompt_token_ids) + len(run.token_ids)


@given(prompt=texts, preset=texts)
def test_words_from_outside_stand_in_code_alone(
    tokenizer: Tokenizer, prompt: str, preset: str
) -> None:
    def in_words(prompt: str, preset: str) -> list[str]:
        run = made_up(prompt)
        run.model = ModelFacts(preset=preset, dtype="float32", sliding_window=None)
        cells = cells_of(notebook(run, tokenizer))
        return [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]

    assert in_words(prompt, preset) == in_words("", "")
