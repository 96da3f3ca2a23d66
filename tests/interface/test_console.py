"""The command line prints any text on any console, and may lose its reader."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from playground.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("encoding", "prompt", "printed"),
    [
        ("cp1252", "東 é", rb"\u6771 " + b"\xe9"),
        ("ascii", "東 é", rb"\u6771 \xe9"),
        ("utf-8", "東 é", "東 é".encode()),
    ],
)
def test_what_a_console_lacks_is_written_as_its_number(
    encoding: str, prompt: str, printed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    arguments = ("--preset", "shakespeare_mistral", "--max-new-tokens", "1")
    assert main(["generate", prompt, *arguments]) == 0
    assert console.buffer.getvalue().startswith(printed)  # type: ignore[attr-defined]


def test_an_error_too_may_name_any_file(monkeypatch: pytest.MonkeyPatch) -> None:
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stderr", console)
    assert main(["generate", "Hi", "--preset", "東.gguf"]) == 1
    console.flush()
    assert rb"'\u6771.gguf'" in console.buffer.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("arguments", [("models",), ("generate", "Hi", "--seed", "-1")])
def test_a_reader_that_left_is_no_error(arguments: tuple[str, ...]) -> None:
    """Output and error go to one pipe that nobody reads, as in `2>&1 | true`."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as pipe:
        command = [sys.executable, "-m", "playground", *arguments]
        done = subprocess.run(command, cwd=ROOT, stdout=pipe, stderr=pipe, check=False)
    assert done.returncode == 0
