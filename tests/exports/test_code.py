"""The code of a run really runs, and writes the same tokens."""

import ast
import runpy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.exports import keras_hub_code, python_code
from playground.models import MistralCausalLM
from playground.session import Session
from playground.settings import GenerationSettings
from playground.tokenizers import Tokenizer
from playground.transcript import ModelFacts, Transcript
from tests.exports.conftest import PROMPT, Write, latest, settings

FACTS = ModelFacts(preset="small", dtype="float32", sliding_window=7, version="1.2")
CHAIN = {
    "sampler": "chain",
    "order": "llama.cpp",
    "min_p": 0.01,
    "repetition_penalty": 1.3,
    "dry_multiplier": 0.8,
    "logit_bias": ((40, -2.5), (41, 1.0)),
    "ban_end_token": True,
}


def run_as_script(code: str, tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "run.py").write_text(code)
    return runpy.run_path(str(tmp_path / "run.py"))


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, model: MistralCausalLM) -> list[Any]:
    """Loading gives the model that is there; what was asked for is kept."""
    asked: list[Any] = []

    def from_preset(preset: str, **arguments: Any) -> MistralCausalLM:
        asked.append((preset, arguments))
        return model

    monkeypatch.setattr(MistralCausalLM, "from_preset", from_preset)
    return asked


def test_the_script_loads_the_preset_and_writes_the_same_tokens(
    write: Write,
    folder: Path,
    tokenizer: Tokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = write(sampler="top_p", top_p=0.95, sliding_window=5)
    monkeypatch.chdir(folder)  # where its relative path leads somewhere
    after = run_as_script(python_code(run, tokenizer), tmp_path)
    assert after["answer"].token_ids == run.token_ids
    assert capsys.readouterr().out == f"{run.text}\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"sampler": "greedy"},
        {"sampler": "top_k", "top_k": 9},
        {"sampler": "beam", "num_beams": 2},
        {"sampler": "contrastive", "contrastive_k": 3},
        {"max_new_tokens": None, "max_length": 25},
        {"stop_token_ids": (40, 41, 42), "sampler": "random"},
        CHAIN,
    ],
    ids=lambda changes: changes.get("sampler", "max_length"),
)
def test_every_sampler_writes_the_same_tokens(
    write: Write,
    tokenizer: Tokenizer,
    loaded: list[Any],
    tmp_path: Path,
    changes: dict[str, Any],
) -> None:
    run = write(**changes)
    after = run_as_script(python_code(run, tokenizer), tmp_path)
    assert after["answer"].token_ids == run.token_ids
    assert loaded == [("small", {"dtype": "float32", "sliding_window": 7})]


@pytest.mark.usefixtures("loaded")
def test_a_stop_string_ends_the_same_text(
    write: Write, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    stop = write(sampler="random").text[5:8]
    run = write(sampler="random", stop_strings=(stop, "\N{WHITE SMILING FACE}'\n"))
    assert run.stop_string == stop
    after = run_as_script(python_code(run, tokenizer), tmp_path)
    assert (after["answer"].text, after["answer"].stop_string) == (run.text, stop)


@pytest.mark.usefixtures("loaded")
def test_an_answer_that_went_on_goes_on_the_same(
    write: Write,
    session: Session,
    model: MistralCausalLM,
    tokenizer: Tokenizer,
    tmp_path: Path,
) -> None:
    write(sampler="random")
    *_, end = session.go_on(position=5, token_id=40)
    run = latest(session, model, end)
    after = run_as_script(python_code(run, tokenizer), tmp_path)
    assert run.token_ids[: run.answered][-1] == 40
    assert after["answer"].token_ids == run.token_ids[run.answered :]


@pytest.mark.usefixtures("loaded")
def test_a_prompt_that_was_shortened_is_the_shortened_one(
    write: Write, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    run = write(
        sampler="random", shorten_prompt=True, max_new_tokens=None, max_length=14
    )
    assert len(run.prompt_token_ids) < len(tokenizer.tokenize(PROMPT))
    after = run_as_script(python_code(run, tokenizer), tmp_path)
    assert after["answer"].token_ids == run.token_ids


@pytest.mark.usefixtures("loaded")
def test_a_run_that_was_interrupted_ends_where_it_did(
    session: Session, model: MistralCausalLM, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    events = session.generate(PROMPT, settings(sampler="random", max_new_tokens=200))
    for event in events:
        if getattr(event, "index", 0) == 3:
            session.stop()
        end = event
    run = latest(session, model, end)
    assert run.finished is not None
    assert run.finished.reason == "cancelled"
    after = run_as_script(python_code(run, tokenizer), tmp_path)
    assert after["answer"].token_ids == run.token_ids


HOSTILE = (
    '"""\nimport os\n',
    "'''\\",
    "\\N{DIGIT ONE}{0}{x}",
    "a\r\nb\x00\x85\u2028\u202e",
    "# x\n",
)
texts = st.text() | st.sampled_from(HOSTILE) | st.text("\"'\\\n\r{}#%")


def made_up(prompt: str, stops: tuple[str, ...] = (), **changes: Any) -> Transcript:
    return Transcript(
        settings=GenerationSettings(stop_strings=stops, chat=False, **changes),
        seed=7,
        model=changes.pop("model", FACTS),
        prompt_text=prompt,
        prompt_token_ids=(5, 6),
        token_ids=[40, 41],
    )


@given(prompt=texts, stop=texts.filter(lambda text: 0 < len(text) <= 200), preset=texts)
def test_no_text_ends_the_literal_that_it_is_in(
    tokenizer: Tokenizer, prompt: str, stop: str, preset: str
) -> None:
    run = made_up(prompt, (stop,))
    run.model = ModelFacts(preset=preset, dtype="float32", sliding_window=None)
    ours = ast.parse(python_code(run, tokenizer))
    assert {prompt, stop, preset} <= set(literals(ours))
    assert [type(node).__name__ for node in ours.body] == [
        *["ImportFrom"] * 3,
        *["Assign", "Expr", "Assign", "Assign", "Assign", "Expr"],
    ]
    theirs = ast.parse(keras_hub_code(run, tokenizer))
    assert preset in set(literals(theirs))
    assert len(theirs.body) == len(
        ast.parse(keras_hub_code(made_up(""), tokenizer)).body
    )


def literals(tree: ast.AST) -> list[Any]:
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]


@pytest.mark.parametrize("word", ["a\nimport os", "", "x" * 41, "1.0 # x", None])
def test_facts_that_are_no_words_never_come_into_a_comment(word: Any) -> None:
    for name in ("dtype", "version"):
        with pytest.raises(ValueError, match=f"`{name}` must be one plain word"):
            ModelFacts(**{"preset": "a", "dtype": "b", "sliding_window": 1, name: word})


def test_a_run_of_an_unknown_model_has_no_code(tokenizer: Tokenizer) -> None:
    run = made_up("a")
    run.model = None
    for write_code in (python_code, keras_hub_code):
        with pytest.raises(ValueError, match="does not say which model wrote it"):
            write_code(run, tokenizer)


@pytest.mark.parametrize(
    ("changes", "call", "comments"),
    [
        ({"sampler": "greedy"}, "GreedySampler()", []),
        ({"temperature": 0.0, "min_p": 0.5}, "GreedySampler()", []),
        (
            {"sampler": "top_k", "temperature": 1.0},
            "TopKSampler(k=40, seed=7)",
            ["noise of its own"],
        ),
        (
            {"top_p": 0.5},
            "TopPSampler(p=0.5, seed=7, temperature=0.7)",
            ["noise of its own"],
        ),
        (
            {"sampler": "random"},
            "RandomSampler(seed=7, temperature=0.7)",
            ["noise of its own"],
        ),
        (
            {"sampler": "min_p", "repetition_penalty": 1.5},
            "RandomSampler(seed=7, temperature=0.7)",
            [
                "noise of its own",
                "has no min_p; left out: 0.05",
                "has no repetition_penalty; left out: 1.5",
            ],
        ),
        (
            {"sampler": "chain", "order": "llama.cpp", "xtc_probability": 0.5},
            "TopPSampler(p=0.9, k=40, seed=7, temperature=0.7)",
            ["noise of its own", "no min_p", "no xtc_probability", "the run had anoth"],
        ),
        (
            {"sampler": "beam"},
            "BeamSampler(num_beams=4)",
            ["goes on after its stop token", "differ"],
        ),
        ({"sampler": "contrastive"}, "ContrastiveSampler(k=5, alpha=0.6)", []),
    ],
)
def test_keras_hubs_sampler_and_what_it_lacks(
    tokenizer: Tokenizer, changes: dict[str, Any], call: str, comments: list[str]
) -> None:
    run = made_up("a", **changes)
    run.model = ModelFacts(preset="hf://a/b", dtype="float32", sliding_window=None)
    code = keras_hub_code(run, tokenizer)
    assert f"model.compile(sampler=samplers.{call})" in code
    said = [line for line in code.splitlines() if line.startswith("# ")]
    assert len(said) == len(comments)
    for words, line in zip(comments, said, strict=True):
        assert words in line


def test_what_keras_hub_cannot_load_or_stop_at_is_said(tokenizer: Tokenizer) -> None:
    run = made_up("a", ("END\n",), sampler="greedy")
    run.model = ModelFacts(
        preset="smollm2_135m_instruct", dtype="int8_from_float32", sliding_window=None
    )
    code = keras_hub_code(run, tokenizer)
    assert "#     backbone.save_to_preset('smollm2_135m_instruct')" in code
    assert "# The run's weights were int8, here they are float32." in code
    assert r"these texts end nothing: ['END\n']" in code
    assert f"stop_token_ids={sorted(tokenizer.stop_token_ids)}" in code
    local = made_up("a", sampler="greedy")
    assert "put its path in" in keras_hub_code(local, tokenizer)


def test_a_comment_of_several_lines_is_a_comment_in_each(tokenizer: Tokenizer) -> None:
    run = made_up("a", sampler="greedy")
    run.model = ModelFacts(
        preset="shakespeare_mistral", dtype="x" * 40, sliding_window=64
    )
    before, _, _ = keras_hub_code(run, tokenizer).partition("import os\n")
    assert "\n#     dtype=" in before
    assert all(line.startswith("#") for line in before.splitlines())
