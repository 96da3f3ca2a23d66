"""Runs a chat template in a process of its own, which can be ended."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it has no types

from playground.tokenizers import chat_template
from playground.tokenizers.chat_template import (
    MAX_BYTES,
    MAX_CPU_SECONDS,
    Conversation,
)

MAX_SECONDS = 10.0
"""Of waiting: a busy machine takes a while to begin."""
_LOOK_EVERY = 0.05
# Nothing else of the environment, such as tokens for hubs, is given to it.
_ENVIRONMENT = ("LD_LIBRARY_PATH", "PATH", "SYSTEMROOT")


def render_apart(
    template: str, conversations: Sequence[Conversation], values: Mapping[str, Any]
) -> list[str]:
    """`chat_template.render` in another process, within `MAX_SECONDS` and `MAX_BYTES`.

    Raises ValueError in words, also for a limit that was reached.
    """
    question = {
        "template": template,
        "conversations": [[dict(each) for each in one] for one in conversations],
        "values": dict(values),
    }
    found = [find_spec(name) for name in ("jinja2", "markupsafe")]
    packages = {str(Path(str(p.origin)).parents[1]) for p in found if p}
    # -I -S: neither variables, nor the working folder, nor site packages' own code.
    command = [sys.executable, "-I", "-S", chat_template.__file__, *sorted(packages)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={n: os.environ[n] for n in _ENVIRONMENT if n in os.environ},
        )
    except OSError as error:
        raise ValueError(f"no process could be started for it ({error})") from error
    watcher = _Watcher(process)
    with process, watcher:
        try:
            said, _ = process.communicate(json.dumps(question).encode(), MAX_SECONDS)
        except subprocess.TimeoutExpired:
            raise ValueError(f"it takes longer than {MAX_SECONDS:.0f} s") from None
        finally:
            process.kill()
    if watcher.is_too_large:
        raise ValueError(f"it needs more than {MAX_BYTES >> 20} MB of memory")
    if not said:
        raise ValueError(
            f"it used up its {MAX_CPU_SECONDS} seconds or {MAX_BYTES >> 20} MB"
        )
    answer = json.loads(said)
    if "fault" in answer:
        raise ValueError(answer["fault"])
    texts: list[str] = answer["texts"]
    return texts


class _Watcher:
    """Ends a process that takes too much memory: not every system does so itself."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.is_too_large = False
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        with contextlib.suppress(psutil.Error):  # it has just ended
            watched = psutil.Process(self._process.pid)
            while not self._over.wait(_LOOK_EVERY):
                if watched.memory_info().rss > MAX_BYTES:
                    self.is_too_large = True
                    self._process.kill()
                    return
