"""The gallery in docs/ is what its command makes, and small enough to come along."""

import re
import struct
from html import unescape
from pathlib import Path

import pytest

from playground.views.registry import VIEWS
from tools.gallery import main

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "gallery.md").read_text(encoding="utf-8")
IMAGES = re.findall(r'<img src="(gallery/([^"]+)\.png)" width="720" alt="(.*?)">', PAGE)
PRESETS = ("shakespeare_mistral", "smollm2_135m_instruct")


def test_every_view_is_there_for_both_models():
    names = {name for _, name, _ in IMAGES}
    assert {f"{preset}-{kind}" for preset in PRESETS for kind in VIEWS} <= names


def test_every_image_is_there_and_nothing_else():
    assert {path for path, _, _ in IMAGES} == {
        f"gallery/{file.name}" for file in (DOCS / "gallery").iterdir()
    }
    assert sum(file.stat().st_size for file in (DOCS / "gallery").iterdir()) < 3e6


@pytest.mark.parametrize(("path", "words"), [(path, alt) for path, _, alt in IMAGES])
def test_an_images_words_are_in_it_and_beside_it(path, words):
    chunks = dict(text_chunks((DOCS / path).read_bytes()))
    assert chunks["Description"] == unescape(words)
    assert len(words) > 40
    assert '"preset"' in chunks["Settings"]


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_there_with_its_words_and_how_to_read_it(name):
    view, heading = VIEWS[name], name.replace("_", " ").capitalize()
    entry = PAGE.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    assert entry.startswith(f"\n{view.words} In ")
    assert f"`show_{name}`." in entry
    assert f"\n{view.how_to_read}\n" in entry


def test_that_attention_is_not_explanation_is_said_once():
    assert PAGE.count("not why the model says what it says") == 1


def test_a_model_that_has_no_example_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "x"), "--preset", "mistral_7b_en"])
    assert "invalid choice: 'mistral_7b_en'" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_the_command_makes_page_and_images(tmp_path):
    folder = tmp_path / "pictures"
    main([str(folder), "--preset", PRESETS[0]])
    made = {file.stem.partition("-")[2] for file in folder.glob("*.png")}
    assert set(VIEWS) <= made
    page = (tmp_path / "pictures.md").read_text(encoding="utf-8")
    assert page.count("<img src=") == len(made)


def text_chunks(png: bytes) -> list[tuple[str, str]]:
    """The names and texts of a PNG's tEXt and iTXt chunks."""
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        name, _, rest = data.partition(b"\0")
        if kind == b"tEXt":
            found.append((name.decode(), rest.decode("latin-1")))
        if kind == b"iTXt":  # flag, method, language, translated name
            found.append((name.decode(), rest[2:].split(b"\0", 2)[2].decode()))
        at += 12 + length
    return found
