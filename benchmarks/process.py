"""The parent's side of a contender's process: it asks and hears in lines of JSON."""

import json
import os
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class ChildError(Exception):
    """The contender could not answer; says why in a line."""


class NoAnswer(ChildError):
    """The process is gone, or was ended because it took too long."""


class Child:
    """A contender's process. Its own output goes to `log`."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        self._log = log
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        with log.open("w") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                start_new_session=True,  # Ctrl-C is for the parent, which ends this
            )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def ask(
        self, measure: str, arguments: Mapping[str, Any], timeout: float
    ) -> dict[str, Any] | None:
        """The figures, by name; None where the contender has no such thing.

        Raises ChildError, and NoAnswer when this process can answer no more.
        """
        question = {"measure": measure, "arguments": dict(arguments)}
        assert self._process.stdin is not None
        try:
            print(json.dumps(question, default=asdict), file=self._process.stdin)
            self._process.stdin.flush()
            line = self._answers.get(timeout=timeout)
        except queue.Empty:
            self.close()
            raise NoAnswer(f"no answer in {timeout:.0f} s") from None
        except OSError:
            line = ""
        if not line:
            self.close()
            raise NoAnswer(self._last_words())
        answer = json.loads(line)
        if "error" in answer:
            raise ChildError(answer["error"])
        figures: dict[str, Any] | None = answer.get("figures")
        return figures

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return said[-1] if said else f"ended with {self._process.returncode}"

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
