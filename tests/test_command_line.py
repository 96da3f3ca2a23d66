"""`python -m playground generate`, as a person types it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playground.__main__ import main

Capture = pytest.CaptureFixture[str]
SMALL = ["--preset", "shakespeare_mistral", "--sampler", "greedy"]
GREEDY = ["What is gravity?", "--chat", "--sampler", "greedy"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "playground", "generate", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """A run in a process of its own."""
    done = run(*GREEDY, "--max-new-tokens", "12", "--json", "--strip-prompt")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_json_holds_the_whole_run(report: dict[str, Any]) -> None:
    assert set(report) == {
        "schema",
        "model",
        "preset",
        "settings",
        "prompt",
        "prompt_text",
        "prompt_token_ids",
        "answered",
        "earlier_text",
        "earlier_tokens",
        "token_ids",
        "records",
        "text",
        "finish_reason",
        "stopped_by",
        "stop_string",
        "left_out_tokens",
        "timings",
        "compilations",
    }
    assert report["schema"] == "mistral-playground/run/1"
    assert report["preset"] == "smollm2_135m_instruct"
    assert report["model"]["preset"] == report["preset"]
    assert report["prompt"] == "What is gravity?"
    assert report["text"].startswith("Gravity is a fundamental")
    assert len(report["token_ids"]) == 12
    assert report["finish_reason"] == "length"
    assert report["stopped_by"] == []
    assert report["settings"]["sampler"] == "greedy"
    assert isinstance(report["settings"]["seed"], int)
    timings = report["timings"]
    assert set(timings) == {
        "load",
        "compile",
        "prefill",
        "decode",
        "tokens_per_second",
    }
    assert all(seconds > 0 for seconds in timings.values())


def test_a_second_process_compiles_nothing(report: dict[str, Any]) -> None:
    del report  # it left its programs in the cache folder
    again = run(*GREEDY, "--max-new-tokens", "3", "--temperature", "0.3", "--json")
    assert json.loads(again.stdout)["compilations"] == 0


def test_text_streams_to_standard_output_after_its_prompt(capsys: Capture) -> None:
    assert main(["generate", "ROMEO:", *SMALL, "--max-length", "12"]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("ROMEO:")
    assert len(output.out) > len("ROMEO:\n")
    assert output.err == ""


def test_a_window_changes_the_text_and_is_reported(capsys: Capture) -> None:
    texts = {}
    for window in (64, 4):
        found = ["--json", "--max-new-tokens", "12", "--sliding-window", str(window)]
        assert main(["generate", "KING HENRY.\nWhat news?", *SMALL, *found]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["settings"]["sliding_window"] == window
        texts[window] = report["text"]
    assert texts[64] != texts[4]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Hi", "--temperature", "-1"], "`temperature` must be"),
        (["Hi", "--top-p", "1.5", "--sampler", "top_p"], "`top_p` must be"),
        (["Hi", "--stop-token-ids", "two"], "auto, none, or ids"),
        (["Hi", "--seed", "-3"], "`seed` must be"),
        (["Hi", "--max-new-tokens", "0"], "`max_new_tokens` must be"),
        (["", "--max-new-tokens", "3"], "prompt is empty"),
    ],
)
def test_bad_input_is_answered_in_words_before_anything_loads(
    arguments: list[str], words: str, capsys: Capture
) -> None:
    assert main(["generate", *arguments]) == 2
    output = capsys.readouterr()
    assert words in output.err
    assert output.out == ""


def test_both_lengths_at_once_are_refused(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as end:
        main(["generate", "Hi", "--max-length", "9", "--max-new-tokens", "3"])
    assert end.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_a_preset_that_does_not_exist_is_explained(capsys: Capture) -> None:
    assert main(["generate", "Hi", "--preset", "smollm3"]) == 1
    said = capsys.readouterr().err
    assert "smollm2_135m_instruct" in said
    assert ".gguf" in said
    assert "Traceback" not in said


def test_a_broken_file_is_explained(tmp_path: Path, capsys: Capture) -> None:
    broken = tmp_path / "half.gguf"
    broken.write_bytes(b"GGUF\x03\x00\x00\x00")
    assert main(["generate", "Hi", "--preset", str(broken)]) == 1
    said = capsys.readouterr().err
    assert "half.gguf" in said
    assert "Traceback" not in said


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m playground generate Hi {' '.join(SMALL)} | true"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr
