"""`python app.py` as a process, with nothing of this one's environment."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from gradio_client import Client

ROOT = Path(__file__).parents[1]
ON_A_SPACE = {"SYSTEM": "spaces", "SPACE_ID": "somebody/playground"}
"""Gradio then says that the package `spaces` is missing, which a Space has."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class AppProcess:
    """Starts at once, and ends with the `with`.

    `home` is the person's folder; what is kept lies in it, unless a variable says
    otherwise. One that is None is not set. `command` is run in `folder`.
    """

    def __init__(
        self,
        home: Path,
        port: int | None = None,
        *,
        command: Sequence[str] = (sys.executable, "app.py"),
        folder: Path = ROOT,
        **variables: str | None,
    ) -> None:
        self.port = port or free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GRADIO_SERVER_PORT": str(self.port),
            "PLAYGROUND_PRESET": "shakespeare_mistral",
            **variables,
        }
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={name: text for name, text in environment.items() if text is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._said += line

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._said

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def wait_until_it_says(self, words: str, seconds: float = 200) -> None:
        """Raises AssertionError with all it said if it ends, or the time does."""
        end = time.monotonic() + seconds
        while not re.search(words, self.said):
            assert self._process.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(0.05)

    def wait_until_it_serves(self) -> None:
        self.wait_until_it_says("Mistral Playground: http")

    def client(self) -> Client:
        """A program's connection, once the page is there."""
        self.wait_until_it_serves()
        return Client(self.url, verbose=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is left of it, whatever happened."""
        self.end(signal.SIGKILL)

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status: 0, or minus the number of the signal it died of."""
        self._process.send_signal(by)  # none, if it ended before
        return self.wait()

    def wait(self, seconds: float = 30) -> int:
        """The same, when it ends by itself."""
        try:
            code = self._process.wait(seconds)
        finally:
            self._process.kill()
        self._reader.join()  # all that it said is there
        return code
