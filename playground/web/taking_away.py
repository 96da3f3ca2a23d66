"""A run to take away: link, files, code, pictures. The browser saves what comes."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

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
from playground.hosts.form import SHOWN, as_typed
from playground.plots import picture
from playground.session import Session
from playground.settings import GenerationSettings
from playground.tokenizers import Tokenizer
from playground.transcript import Transcript

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


def made_of(session: Session, what: str, views: Callable[[], Sequence[Any]]) -> Made:
    """One of KINDS from the session's latest run; `views` are those in the open tab.

    Raises ValueError, in words fit to show, if there is nothing to take.
    """
    run, model = session.transcript, session.engine.model
    if run is None or model is None or not run.token_ids:
        raise ValueError("Generate something first: there is nothing to take away yet.")
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
        case "png" | "svg":
            settings = run.settings.to_json() | {"seed": run.seed}
            view = next(iter(views()))
            kind = "image/png" if what == "png" else "image/svg+xml"
            made = picture(view, what, settings=settings)
            return f"picture.{what}", kind, made
        case _:
            raise ValueError(f"Choose one of {', '.join(KINDS)}; got {what!r:.80}.")


def _code(what: str, run: Transcript, tokenizer: Tokenizer) -> Made:
    write = python_code if what == "code" else keras_hub_code
    return f"{what}.py", "text/x-python", write(run, tokenizer).encode()


def download_value(made: Made, number: int) -> dict[str, Any]:
    """What assets/export.js saves; a new `number` tells it that this is a new file."""
    name, kind, content = made
    data = base64.b64encode(content).decode()
    return {"name": name, "kind": kind, "data": data, "number": number}


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
