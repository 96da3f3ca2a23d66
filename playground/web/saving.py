"""What can be saved of a run: link, files, code, pictures; the browser saves it."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from playground.controls import as_typed
from playground.exports import (
    Link,
    from_query,
    keras_hub_code,
    notebook,
    python_code,
    to_csv,
    to_file,
    to_query,
)
from playground.interface.form import SHOWN
from playground.plots import FileFormat, picture
from playground.session import Session
from playground.settings import GenerationSettings
from playground.tokenizers import Tokenizer
from playground.transcript import Transcript
from playground.views.comparison import ComparisonView
from playground.views.view import View

Made = tuple[str, str, bytes]
"""Name of the file, media type, content."""

KINDS = {
    "run": "Run (JSON)",
    "tree": "All answers (JSON)",
    "csv": "Tokens (CSV)",
    "notebook": "Notebook",
    "code": "Python",
    "keras_hub": "Python, keras-hub",
    "png": "Picture (PNG)",
    "svg": "Picture (SVG)",
}


@dataclass(frozen=True, kw_only=True)
class Pictured:
    """What the open tab shows, and the settings that its pictures are to remember."""

    views: Sequence[View]
    settings: dict[str, Any]

    @classmethod
    def of_run(cls, views: Sequence[View], run: Transcript) -> Self:
        return cls(views=views, settings=run.settings.to_json() | {"seed": run.seed})

    @classmethod
    def of_comparison(cls, view: ComparisonView | None) -> Self:
        if view is None:
            raise ValueError("Compare samplers first: there is no picture yet.")
        return cls(views=[view], settings={"compared": [r.name for r in view.runs]})


def made_of(
    session: Session, what: str, pictured: Callable[[], Pictured]
) -> Sequence[Made]:
    """One of KINDS from the session's latest run, or the pictures in the open tab.

    Raises ValueError, in words fit to show, if there is nothing to save.
    """
    if what in ("png", "svg"):
        return _pictures("png" if what == "png" else "svg", pictured())
    return [_file(session, what)]


def _pictures(kind: FileFormat, pictured: Pictured) -> Sequence[Made]:
    """Each by its title: `the-same-logits-through-every-sampler.png`."""
    media = {"png": "image/png", "svg": "image/svg+xml"}[kind]
    return [
        (
            f"{_file_name(view.title)}.{kind}",
            media,
            picture(view, kind, settings=pictured.settings),
        )
        for view in pictured.views
    ]


def _file_name(title: str) -> str:
    words = re.findall(r"[a-z0-9]+", title.lower())
    return "-".join(words)[:80] or "picture"


def _file(session: Session, what: str) -> Made:
    run, model = session.transcript, session.engine.model
    if run is None or model is None or not run.token_ids:
        raise ValueError("Generate something first: there is nothing to save yet.")
    tokenizer = model.text_preprocessor.tokenizer
    match what:
        case "run":
            return "run.json", "application/json", to_file(run)
        case "tree":
            return "answers.json", "application/json", to_file(session.tree)
        case "csv":
            return "tokens.csv", "text/csv", to_csv(run, tokenizer).encode()
        case "notebook":
            return "run.ipynb", "application/x-ipynb+json", notebook(run, tokenizer)
        case "code" | "keras_hub":
            return _code(what, run, tokenizer)
        case _:
            raise ValueError(f"Choose one of {', '.join(KINDS)}; got {what!r:.80}.")


def _code(what: str, run: Transcript, tokenizer: Tokenizer) -> Made:
    write = python_code if what == "code" else keras_hub_code
    return f"{what}.py", "text/x-python", write(run, tokenizer).encode()


def download_value(made: Sequence[Made], number: int) -> dict[str, Any]:
    """What assets/export.js saves; a new `number` tells it that these are new files."""
    files = [
        {"name": name, "kind": kind, "data": base64.b64encode(content).decode()}
        for name, kind, content in made
    ]
    return {"files": files, "number": number}


@lru_cache(32)  # asked at every update of a run
def query_of(prompt: str, settings: GenerationSettings, preset: str) -> str:
    """The link's query, "" if the prompt is too long for one."""
    try:
        return to_query(Link(prompt=prompt, settings=settings, preset=preset))
    except ValueError:
        return ""


def fields_of(query: str) -> tuple[Link, list[Any]]:
    """What a link asks for, and what stands in the fields of SHOWN then.

    Raises ValueError, in words fit to show, for a link that is broken.
    """
    link = from_query(query)
    values = [
        as_typed(control, getattr(link.settings, control.name)) for control in SHOWN
    ]
    return link, values
