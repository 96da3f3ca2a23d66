"""Starts JupyterLab or Voilà on loopback, with nothing of the person's own settings."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
    "@jupyterlab/apputils-extension:themes": {"theme": "JupyterLab Light"},
}


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """A notebook of code cells that were never run."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": [_cell(n, source) for n, source in enumerate(cells)],
    }
    path.write_text(json.dumps(notebook))


def _cell(number: int, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": f"cell-{number}",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


@contextmanager
def jupyter(application: str, home: Path, *arguments: str) -> Iterator[str]:
    """The address of `jupyter lab` or `jupyter voila`, which runs meanwhile."""
    port = free_port()
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }
    _write_settings(home / "settings")
    command = [sys.executable, "-m", application, f"--port={port}", *arguments]
    with open(home / "log.txt", "wb") as log:
        server = subprocess.Popen(
            command, cwd=home, env=environment, stdout=log, stderr=log
        )
    try:
        yield _address(server, port, home / "log.txt")
    finally:
        server.terminate()
        server.wait(20)


def _write_settings(folder: Path) -> None:
    for name, values in LAB_SETTINGS.items():
        package, _, plugin = name.partition(":")
        file = folder / package / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _address(server: "subprocess.Popen[bytes]", port: int, log: Path) -> str:
    """Its address, once it answers."""
    ends = time.monotonic() + 90
    while time.monotonic() < ends and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return f"http://127.0.0.1:{port}/"
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])
