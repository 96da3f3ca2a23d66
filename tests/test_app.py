"""`python app.py` in a clean environment, as a Space starts it."""

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from playground.system.cache_folder import cache_folder
from tests.app_process import ON_A_SPACE, AppProcess

PROMPT = "KING RICHARD:\nNow is the"
GREEDY = {
    "sampler": "greedy",
    "max_new_tokens": 8,
    "chat": False,
    "api_name": "/generate",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """One process for all tests of this file; the last of them ends it.

    It wakes: programs that were compiled on this machine before are there.
    """
    home = tmp_path_factory.mktemp("home")
    kept = str(cache_folder())
    with AppProcess(
        home, PLAYGROUND_MODEL="typo", PLAYGROUND_CACHE_DIR=kept, **ON_A_SPACE
    ) as app:
        yield app


def test_it_serves_and_writes_a_text(app):
    client = app.client()
    text = client.predict(PROMPT, **GREEDY)
    assert len(text.split()) > 2
    assert client.predict(PROMPT, **GREEDY) == text


def test_a_space_listens_on_every_address(app):
    app.wait_until_it_serves()
    listening = [each.laddr for each in psutil.Process(app.pid).net_connections()]
    assert ("0.0.0.0", app.port) in listening


def test_a_misspelt_variable_is_said_before_anything_else(app):
    app.wait_until_it_serves()
    assert app.said.startswith("PLAYGROUND_MODEL is not a variable")
    assert "Did you mean PLAYGROUND_MODELS?" in app.said


def test_one_line_says_what_was_found(app):
    app.wait_until_it_says("Ready")
    (line,) = (each for each in app.said.splitlines() if each.startswith("Ready"))
    for fact in (
        "shakespeare_mistral · 4.41M parameters",
        "int8 weights, float32 on",
        "4,096 new tokens and 600 s a run, 8 at once",
        f"kept in {cache_folder()}",
    ):
        assert fact in line


def test_it_ends_cleanly_when_told_to(app):
    """Programs for several people are still being compiled then."""
    app.wait_until_it_serves()
    before, begin = len(app.said), time.monotonic()
    assert app.end(signal.SIGTERM) == 0
    assert time.monotonic() - begin < 5
    assert "Traceback" not in app.said[before:]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"GRADIO_SERVER_PORT": "http"}, "from 1 to 65535, got 'http'"),
        ({"GRADIO_SERVER_PORT": "70000"}, "from 1 to 65535, got '70000'"),
    ],
)
def test_what_cannot_be_is_said_at_once_and_nothing_starts(tmp_path, variables, words):
    with AppProcess(tmp_path, **variables) as app:
        assert app.wait() == 1
    (line,) = app.said.splitlines()
    assert line.endswith(f"{words}.")


def test_a_port_in_use_is_said_at_once_with_the_way_out(tmp_path: Path):
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        AppProcess(tmp_path, other.getsockname()[1]) as app,
    ):
        assert app.wait() == 1
    (line,) = app.said.splitlines()
    assert f"Port {app.port} of 127.0.0.1 cannot be used: Address already" in line
    assert f"make run PORT={app.port + 1}" in line
