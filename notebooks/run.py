"""Runs the notebooks from top to bottom and keeps what they show: `make notebooks`.

`python notebooks/run.py 04_the_window.ipynb` runs one. Widgets' state is left out: it
is large, and without a kernel it shows nothing; their pictures stay. Links to the
repository are written anew, so a fork changes one line here.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

REPOSITORY = "mistral-playground/mistral-playground"
FOLDER = Path(__file__).parent
SECONDS = 300
LIVE = "application/vnd.jupyter.widget-view+json"


def run(path: Path) -> NotebookNode:
    """The notebook with new outputs. Raises if a cell does."""
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=SECONDS, resources=where).execute()
    return notebook


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """Without what needs a kernel, and without when and where it ran."""
    notebook.metadata = {
        "kernelspec": notebook.metadata.kernelspec,
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        cell.source = re.sub(
            r"(github(?:\.com|/))[\w.-]*/?mistral-playground/mistral-playground",
            rf"\1{REPOSITORY}",
            cell.source,
        )
        if cell.cell_type == "code":
            cell.outputs = [
                output for output in cell.outputs if LIVE not in output.get("data", {})
            ]
    return notebook


def main() -> None:
    names = sys.argv[1:] or sorted(path.name for path in FOLDER.glob("*.ipynb"))
    for name in names:
        print(name, flush=True)
        nbformat.write(cleaned(run(FOLDER / name)), FOLDER / name)


if __name__ == "__main__":
    main()
