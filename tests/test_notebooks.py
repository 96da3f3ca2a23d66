"""The notebooks run, and show what they showed."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from playground.presets import PRESETS
from tools.written_with import changed_since

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
_SPEC = importlib.util.spec_from_file_location("run", FOLDER / "run.py")
RUN = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(RUN)
REPOSITORY = RUN.REPOSITORY
NAMES = (
    "01_first_steps",
    "02_samplers",
    "03_stops_and_prompts",
    "04_the_window",
    "05_attention_heads",
    "06_train_and_lora",
)


def read(path):
    notebook = json.loads(path.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return notebook, code


def test_they_are_all_there():
    assert [path.stem for path in NOTEBOOKS] == list(NAMES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_run_in_order_and_keeps_its_pictures(path):
    notebook, code = read(path)
    counts = [cell["execution_count"] for cell in code]
    assert counts == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert "error" not in {output["output_type"] for output in outputs}
    html = "".join(
        "".join(output.get("data", {}).get("text/html", "")) for output in outputs
    )
    assert "<img" in html
    assert "widgets" not in notebook["metadata"]
    assert "vnd.jupyter.widget" not in path.read_text()
    assert path.stat().st_size < 2_000_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_opens_in_colab_and_leads_to_one_that_exists(path):
    notebook, _ = read(path)
    first = "".join(notebook["cells"][0]["source"])
    assert "https://colab.research.google.com/assets/colab-badge.svg" in first
    assert f"/blob/main/notebooks/{path.name})" in first
    text = "".join("".join(cell["source"]) for cell in notebook["cells"])
    for link in re.findall(r"\(([\w]+\.ipynb)\)", text):
        assert (FOLDER / link).is_file()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_address_of_a_notebook_is_whole(path):
    """In commands as in words, and what Colab fetches is what its badge opens."""
    notebook, code = read(path)
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    urls = [
        url for source in sources for url in re.findall(r"\w+://[^\s)\"'`]+", source)
    ]
    hosts = {
        "github.com": rf"/{REPOSITORY}",
        "colab.research.google.com": rf"/assets/.+\.svg|/github/{REPOSITORY}/.+",
        "arxiv.org": r"/abs/\d{4}\.\d{5}",
    }
    for url in map(urlsplit, urls):
        assert url.scheme == "https"
        assert re.fullmatch(hosts[url.hostname], url.path)
    fetch = "".join(code[0]["source"])
    (clone,) = re.findall(r"!git clone .* (\S+)$", fetch, re.M)
    assert clone == f"https://github.com/{REPOSITORY}"
    assert f"%cd {clone.rpartition('/')[2]}/notebooks" in fetch
    assert '%pip install --quiet "..[notebook]"' in fetch
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())["project"]
    assert "ipywidgets" in str(project["optional-dependencies"]["notebook"])


@pytest.mark.parametrize(
    "source",
    [
        "!git clone --depth 1 https://github.com/{}\n%cd mistral-playground/notebooks",
        "[badge](https://colab.research.google.com/github/{}/blob/main/a.ipynb)",
        "https://github.com/{}.git and https://github.com/karpathy/llama2.c",
        "mistral-playground/notebooks, https://github.com/{}/issues",
    ],
)
def test_a_fork_has_its_own_links_and_nothing_else_changes(source):
    here = source.format(REPOSITORY)
    assert RUN.linked(source.format("some.body/mistral-playground")) == here
    assert RUN.linked(here) == here


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_as_new_as_the_defaults(path):
    """`make notebooks` runs them."""
    notebook, code = read(path)
    text = "".join("".join(cell["source"]) for cell in code)
    named = [name for name in PRESETS if f'"{name}"' in text]
    stored = notebook["metadata"]["playground"]["written_with"]
    assert [each["preset"] for each in stored] == named != []
    assert {
        name: old for each in stored for name, old in changed_since(each).items()
    } == {}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom_and_prints_where_it_did(path):
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); import run; "
        "from pathlib import Path; print(json.dumps(run.run(Path(sys.argv[2]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(FOLDER), str(path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    again = json.loads(done.stdout)
    assert speaking(again) == speaking(read(path)[0])


def speaking(notebook):
    """Which cells say or show something; a seed's text may differ by processor."""
    cells = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    return [bool(cell["outputs"]) for cell in cells]
