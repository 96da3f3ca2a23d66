"""Runs the notebooks from top to bottom and keeps what they show: `make notebooks`.

`python notebooks/run.py 04_the_window.ipynb` runs one; each is written as soon as it
has run. Widgets' state is left out: it is large, and without a kernel it shows nothing;
their pictures stay. Links to the repository are rewritten, so a fork changes one line
here. What texts were written with is noted, so that a test sees when they are old.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

# Found by the path above.
from playground.presets import PRESETS  # noqa: E402
from tools.written_with import written_with  # noqa: E402

REPOSITORY = "mistral-playground/mistral-playground"
SECONDS = 300
LIVE = "application/vnd.jupyter.widget-view+json"
# Wherever a link or a command names a fork: github.com/ and Colab's /github/ begin it.
_FORK = re.compile(rf"(\bgithub(?:\.com)?/)[\w.-]+/{REPOSITORY.partition('/')[2]}\b")


def run(path: Path) -> NotebookNode:
    """The notebook with new outputs. Raises if a cell does."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=SECONDS, resources=where).execute()
    return notebook


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """Without what needs a kernel, and without when and where it ran."""
    notebook.metadata = {
        "kernelspec": notebook.metadata.kernelspec,
        "language_info": {"name": "python"},
        "playground": {"written_with": [*map(written_with, presets_in(notebook))]},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        cell.source = linked(cell.source)
        if cell.cell_type == "code":
            cell.outputs = [
                output for output in cell.outputs if LIVE not in output.get("data", {})
            ]
    return notebook


def linked(source: str) -> str:
    """The text with every link to the repository, or to a fork of it, leading here."""
    return _FORK.sub(rf"\1{REPOSITORY}", source)


def presets_in(notebook: NotebookNode) -> list[str]:
    """The named models whose texts it shows."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return [name for name in PRESETS if f'"{name}"' in "".join(code)]


def main() -> None:
    known = sorted(path.name for path in FOLDER.glob("*.ipynb"))
    names = sys.argv[1:] or known
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"{unknown[0]!r} is no notebook here; there are {', '.join(known)}.")
    import nbformat

    for name in names:
        print(name, flush=True)
        nbformat.write(cleaned(run(FOLDER / name)), FOLDER / name)


if __name__ == "__main__":
    main()
