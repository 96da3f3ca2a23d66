"""`gallery`: a page of every picture, from real runs."""

from __future__ import annotations

import argparse
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.commands.status_line import StatusLine

if TYPE_CHECKING:
    from playground.commands.gallery_scenes import Example, Scene

SCALE = 1.5  # pixels of an image for each CSS pixel

_HEAD = """# Gallery

Every picture of the playground, from real runs.
`python -m playground gallery {folder}` makes this page anew.

Each has a light and a dark form, and a narrow one for phones. Colours go evenly from
light to dark, and so say the same without colour vision; hatching, dashes and frames
tell kinds apart. Each image has its words as alternative text, and carries its title,
these words and the settings of the run.

**{note}**
What changes something and measures again says more about why: see "What if", where the
window is another one, and "Salience".
"""


def add_parser(commands: Any) -> None:
    """Tell argparse of this command."""
    parser = commands.add_parser(
        "gallery", help="make a page of every picture, from real runs"
    )
    parser.set_defaults(run=_gallery)
    parser.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="of the images; the page lies beside it, as FOLDER.md",
    )
    parser.add_argument(
        "--preset",
        action="append",
        metavar="NAME",
        help="only this model; may be given several times",
    )


def _gallery(options: argparse.Namespace) -> int:
    # Keras, JAX and Matplotlib take seconds to import.
    from playground.commands.gallery_scenes import EXAMPLES
    from playground.views.registry import HINTS

    known = {each.preset: each for each in EXAMPLES}
    wanted = options.preset or list(known)
    if unknown := [preset for preset in wanted if preset not in known]:
        raise ValueError(f"The gallery shows {', '.join(known)}; not {unknown[0]!r}.")
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    page = [_HEAD.format(folder=folder.as_posix(), note=HINTS["Heads"])]
    for preset in wanted:
        page += _section(known[preset], folder)
    folder.with_suffix(".md").write_text("\n".join(page), encoding="utf-8")
    return 0


def _section(example: Example, folder: Path) -> list[str]:
    """A model's part of the page; its images go into the folder."""
    from playground.commands.gallery_scenes import scenes, settings_of
    from playground.plots import picture
    from playground.presets import LoadError
    from playground.session import start_engine

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
