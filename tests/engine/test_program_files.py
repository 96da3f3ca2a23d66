"""Compiled programs on disk survive kills, full disks, damage and company."""

import errno
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from playground.engine.program_files import ProgramFiles

ROOT = Path(__file__).parents[2]
PROGRAM = bytes(range(256)) * 40


@pytest.fixture
def files(tmp_path) -> ProgramFiles:
    return ProgramFiles(tmp_path / "programs")


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_a_program_comes_back(files):
    assert files.get("jit_f-12") is None
    files.put("jit_f-12", PROGRAM)
    assert files.get("jit_f-12") == PROGRAM
    assert files.get("jit_f-13") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda _content: b"",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: bytes([content[0] ^ 1]) + content[1:],
        lambda content: content + b"\0",
    ],
)
def test_a_damaged_program_is_none_and_is_replaced(files, tmp_path, damage):
    files.put("f", PROGRAM)
    file = only_file(tmp_path / "programs")
    file.write_bytes(damage(file.read_bytes()))
    assert files.get("f") is None
    files.put("f", PROGRAM)
    assert files.get("f") == PROGRAM


def test_a_full_disk_is_said_once_and_leaves_nothing(
    files, tmp_path, monkeypatch, caplog
):
    def full(source: str, target: Path) -> None:
        del source, target
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files.put("old", PROGRAM)
    monkeypatch.setattr(os, "replace", full)
    with caplog.at_level(logging.WARNING):
        files.put("f", PROGRAM)
        files.put("g", PROGRAM)
    (record,) = caplog.records
    said = record.getMessage()
    assert "cannot be kept" in said
    assert "No space left on device" in said
    assert "PLAYGROUND_CACHE_DIR" in said
    assert files.get("f") is None
    assert only_file(tmp_path / "programs").name == "old.program"


def test_a_folder_that_cannot_be_is_said_and_nothing_fails(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    files = ProgramFiles(tmp_path / "file" / "programs")
    assert files.get("f") is None
    files.put("f", PROGRAM)
    (record,) = caplog.records
    assert "Not a directory" in record.getMessage()


def test_whoever_reads_while_others_write_gets_a_whole_program_or_none(tmp_path):
    """As two processes do: objects of their own, one folder."""
    programs = [bytes([number]) * 200_000 for number in range(4)]
    go_on = threading.Event()
    go_on.set()

    def write(program: bytes) -> None:
        own = ProgramFiles(tmp_path)
        while go_on.is_set():
            own.put("f", program)

    writers = [threading.Thread(target=write, args=(each,)) for each in programs]
    for writer in writers:
        writer.start()
    reader = ProgramFiles(tmp_path)
    read = [reader.get("f") for _ in range(300)]
    go_on.clear()
    for writer in writers:
        writer.join()
    assert {*read} - {None} <= {*programs}
    # Once there is one, there always is.
    first = next(number for number, each in enumerate(read) if each is not None)
    assert None not in read[first:]
    assert [file.name for file in tmp_path.iterdir()] == ["f.program"]


STARTS = """
import jax, jax.numpy as jnp, pathlib, sys
from playground.engine import compilations, keep_programs
keep_programs()
def start():
    before = compilations().built
    jax.clear_caches()  # what is in memory, as a new process has none
    value = jax.jit(lambda x: jnp.tanh(x @ x).sum())(jnp.eye(8))
    return float(value), compilations().built - before
value, built = start()
files = sorted(pathlib.Path(sys.argv[1], "xla").glob("*.program"))
assert built == len(files) > 1, (built, files)
assert start() == (value, 0)
files[0].write_bytes(files[0].read_bytes()[:-100])
assert start() == (value, 1)
assert start() == (value, 0)
"""


def test_jax_keeps_its_programs_here_and_builds_a_damaged_one_again(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", STARTS, str(tmp_path)],
        env={**os.environ, "PLAYGROUND_CACHE_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


MOVED = """
import jax
from jax._src import compilation_cache
assert jax.__version__ == "0.10.2", "Look at `use_program_files` again."
del compilation_cache.get_file_cache
from playground.engine import keep_programs
keep_programs()
print(jax.config.jax_compilation_cache_dir)
"""


def test_a_jax_that_moved_its_hook_starts_and_says_so(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MOVED],
        env={**os.environ, "PLAYGROUND_CACHE_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "xla")
    assert "JAX keeps compiled programs in files of its own" in done.stderr
