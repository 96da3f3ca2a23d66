"""The examples in CONTRIBUTING.md do what it says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = [
    dedent(each) for each in re.findall(r"^ *```python\n(.*?)^ *```", PAGE, re.M | re.S)
]


def example(begins: str) -> str:
    """The example that has this line."""
    (found,) = (each for each in EXAMPLES if f"\n{begins}" in each)
    return found


LOOK = """
import json

import numpy as np

from playground.__main__ import parser
from playground.controls import BY_NAME
from playground.engine import Engine
from playground.exports import Link, from_query, to_query
from playground.samplers import STAGES, SamplerValues
from playground.samplers.recorded import recorded_stages
from playground.settings import GenerationSettings
from playground.views.sampler_table import samplers_of, settings_of
from playground.web import build
from tools.controls import document
from widgets.form import Form


def kept(number):
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05]))
    history = np.full(4, -1)
    made, _ = recorded_stages(logits, SamplerValues(top_a=number), 0, 0, history)
    return int(made.tokens[-1])


chosen = GenerationSettings(sampler="chain", top_a=0.3)
link = to_query(Link(settings=chosen))
panel = Form()
panel.fields.write({"sampler": "chain", "top_a": 0.3})
engine = Engine(lambda *_: None)
page = build(engine, "none")
endpoint = page.get_api_info()["named_endpoints"]["/generate"]["parameters"]
engine.close()
print(json.dumps({
    "kept": [kept(number) for number in (0.8, 0.3, 0.0)],
    "stage": "top_a" in STAGES,
    "settings": chosen.to_json()["top_a"],
    "fault": BY_NAME["top_a"].fault(1.5),
    "link": [link, from_query(link).settings == chosen],
    "command line": parser().parse_args(["generate", "Hi", "--top-a", "0.3"]).top_a,
    "document": "| `top_a` | Top-a |" in document(),
    "lab": settings_of(samplers_of(SamplerValues())["top-a"]),
    "page": [b.label for b in page.blocks.values() if b.elem_id == "top_a"],
    "endpoint": "top_a" in [each["parameter_name"] for each in endpoint],
    "panel": [panel.settings.top_a, panel.fields.by_name["top_a"].widget.description],
}))
"""


def test_a_cut_and_its_number_are_all_that_a_sampler_needs(tmp_path):
    for folder in ("playground", "widgets", "tools"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.pyc")
        )
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    declared = tmp_path / "playground" / "controls" / "declared.py"
    number = indent(without_imports(example("top_a: float")), "    ")
    head, after = declared.read_text(encoding="utf-8").split("    epsilon: float")
    declared.write_text(f"{head}{number}\n    epsilon: float{after}", encoding="utf-8")
    with (tmp_path / "playground" / "samplers" / "cuts.py").open("a") as cuts:
        cuts.write(without_imports(example("@cut")))
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    seen = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert seen.returncode == 0, seen.stderr
    assert json.loads(seen.stdout) == {
        "kept": [2, 3, 4],  # of bounds 0.2, 0.075, 0
        "stage": True,
        "settings": 0.3,
        "fault": "`top_a` must be a number from 0 to 1, got 1.5.",
        "link": ["v=1&sampler=chain&top_a=0.3", True],
        "command line": 0.3,
        "document": True,
        "lab": "top_a 0.2",
        "page": ["Top-a"],
        "endpoint": True,
        "panel": [0.3, "Top-a"],
    }


def without_imports(code: str) -> str:
    return "".join(
        line
        for line in code.splitlines(keepends=True)
        if not line.startswith(("import ", "from "))
    )
