"""docs/gallery.md: a page of every picture, from real runs.

`python -m tools.gallery docs/gallery` makes it and its images; `--preset NAME` one
model's alone.
"""

import argparse
from collections.abc import Sequence
from html import escape
from pathlib import Path

from playground.commands.status_line import StatusLine
from playground.plots import picture
from playground.presets import LoadError
from playground.session import start_engine
from playground.views.registry import HINTS
from tools.gallery_scenes import EXAMPLES, Example, Scene, scenes, settings_of

SCALE = 1.5  # pixels of an image for each CSS pixel

_HEAD = """# Gallery

Every picture of the playground, from real runs; `make gallery` makes this page again.

Each has a light and a dark form, and a narrow one for phones. Colours go evenly from
light to dark, and so say the same without colour vision; hatching, dashes and frames
tell kinds apart. Each image has its words as alternative text, and carries its title,
these words and the settings of the run.

**{note}**
What changes something and measures again says more about why: see "What if", where the
window is another one, and "Salience".
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page FOLDER.md and its images into FOLDER."""
    presets = [each.preset for each in EXAMPLES]
    parser = argparse.ArgumentParser(prog="python -m tools.gallery")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--preset", action="append", choices=presets)
    options = parser.parse_args(arguments)
    wanted, folder = options.preset or presets, options.folder
    folder.mkdir(parents=True, exist_ok=True)
    page = [_HEAD.format(note=HINTS["Heads"])]
    for example in EXAMPLES:
        if example.preset in wanted:
            page += _section(example, folder)
    folder.with_suffix(".md").write_text("\n".join(page), encoding="utf-8")


def _section(example: Example, folder: Path) -> list[str]:
    """A model's part of the page; its images go into the folder."""
    status = StatusLine()
    engine = start_engine(example.preset, warm_length=0)
    try:
        status.show(f"Loading {example.preset}")
        if engine.wait().phase == "failed":
            raise LoadError(engine.status.message)
        parts = [f"## {example.preset}\n", _quoted(example.prompt)]
        settings = {"preset": example.preset, **settings_of(example).to_json()}
        for scene in scenes(engine, example):
            status.show(f"{example.preset}: {scene.name}")
            name = f"{example.preset}-{scene.name}.png"
            image = picture(scene.view, settings=settings, scale=SCALE)
            (folder / name).write_bytes(image)
            parts.append(_entry(scene, f"{folder.name}/{name}"))
        return parts
    finally:
        status.show("")
        engine.close()


def _entry(scene: Scene, path: str) -> str:
    words = escape(scene.view.words())
    return (
        f"### {scene.name.replace('_', ' ').capitalize()}\n\n"
        f"{scene.about}\n\n{scene.how_to_read}\n\n"
        f'<img src="{path}" width="720" alt="{words}">\n'
    )


def _quoted(prompt: str) -> str:
    lines = "\n".join(f"    {line}".rstrip() for line in prompt.splitlines())
    return f"The prompt:\n\n{lines}\n"


if __name__ == "__main__":
    main()
