"""The tour speaks of what is there, as it is called there."""

import json
import re
from pathlib import Path

import pytest

from playground.controls import CONTROLS
from playground.interface.explorer import TABS
from playground.interface.form import MORE_TITLE, PROMPT_LABEL, choices
from playground.interface.learn import CHAPTERS, tour
from playground.views.registry import choices_of

ROOT = Path(__file__).parents[2]
BUTTONS = {"Generate", "Continue", "Stop builder"}
NAMES = {
    *(control.label for control in CONTROLS),
    *(label for control in CONTROLS for label, _ in choices(control)),
    *(*TABS, *choices_of("Window"), *choices_of("Heads"), MORE_TITLE, PROMPT_LABEL),
}


def test_every_name_in_it_stands_on_the_page():
    named = set(re.findall("<b>(.+?)</b>", tour()))
    assert len(named) > 12
    assert named <= NAMES | BUTTONS
    drawn = [*(ROOT / "playground/web").glob("*.py")]
    drawn.append(ROOT / "playground/interface/stop_builder.py")
    page = "".join(path.read_text() for path in drawn)
    page += (ROOT / "assets/answers.html").read_text()
    for button in BUTTONS:
        assert f'"{button}"' in page or f">{button}<" in page


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.title)
def test_a_chapter_is_short_and_begins_as_its_notebook_does(chapter):
    text = f"{chapter.idea} {chapter.steps}"
    assert 3 <= len(re.findall(r"[.](?= |$)", text)) <= 5
    assert text.count("**") >= 6
    notebook = json.loads((ROOT / f"notebooks/{chapter.notebook}.ipynb").read_text())
    cells = ("".join(cell["source"]) for cell in notebook["cells"])
    words = " ".join(" ".join(cells).replace("*", "").split())
    assert chapter.idea in words


def test_the_tour_is_its_chapters_in_order():
    assert re.findall("<h3>(.*?)</h3>", tour()) == [c.title for c in CHAPTERS]
