"""A frame of a run as updates of the page: text, status, Stop, the answers' buttons."""

from typing import Any

import gradio as gr

from playground.interface.run_loop import Frame
from playground.interface.status import Status
from playground.session import Session
from playground.web.saving import query_of
from playground.web.tab import Tab

Updates = tuple[Any, ...]
NOTHING: Updates = (gr.skip(), gr.skip(), gr.skip(), gr.skip())


def on_status(status: Status) -> Updates:
    """The status alone."""
    return gr.skip(), status.value(), gr.skip(), gr.skip()


def placed(
    tab: Tab, session: Session, frame: Frame, spans: dict[str, Any] | None = None
) -> Updates:
    """What a frame of the tab's session changes; `spans` are its text's, if known."""
    status, stop = frame.status.value(), gr.Button(interactive=frame.live)
    if frame.keeps_text:
        return gr.skip(), status, stop, gr.skip()
    if spans is not None and frame.run is not None:
        text = tab.drawn.stored(frame.run, spans)
    else:
        text = tab.drawn.value(frame.run, session.engine.model, frame.live)
    answers = answers_value(session, frame.live, query_for(session))
    return text, status, gr.skip() if frame.live else stop, answers


def query_for(session: Session) -> str | None:
    """The address that asks for its latest run again; None before there is a model."""
    run = session.transcript
    if run is None or run.model is None:
        return None
    return query_of(run.prompt, run.settings, run.model.preset)


def answers_value(session: Session, live: bool, query: str | None) -> dict[str, Any]:
    """What assets/answers.js draws: which answer this is, and what can be done.

    The browser keeps `query` from a run's beginning on, so that it is there if this
    process, or the tab, does not live to its end. What is too long for an address has
    "", and None is nothing new.
    """
    version = session.version
    return {
        "query": query,
        "number": version.number + 1 if version else 0,
        "count": len(session.tree.versions),
        "live": live,
        "parent": version.parent + 1 if version and version.parent is not None else 0,
    }
