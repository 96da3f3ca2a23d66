"""How much may be in work at once, for one address and for all, and how that is said.

Texts wait in the engine's line. What is read for the tabs, and files, wait in lines of
their own. Gradio has all begin at once (`ROOM`), so no caller waits there in silence.
"""

from typing import Any

import gradio as gr

from playground.engine import MAX_ACTIVE, MAX_WAITING
from playground.interface.status import Status
from playground.interface.view_html import message_html
from playground.session.comparison import MAX_RUNS
from playground.web.admission import Admission
from playground.web.endpoints import (
    QUESTIONS_AT_ONCE,
    QUESTIONS_OF_ONE,
    TEXTS_OF_ONE,
)
from playground.web.explore import panel_updates
from playground.web.listeners import Listeners
from playground.web.quota import Quota
from playground.web.run_updates import NOTHING, on_status
from playground.web.tab import Tab
from playground.web.waiting_line import WaitingLine

TEXTS_OF_ALL = MAX_ACTIVE + MAX_WAITING
CALLS_OF_ALL, QUESTIONS_OF_ALL = 32, 16
"""By calls of the endpoints."""
PAGES_OF_ONE, SILENT_PAGES_OF_ONE = 48, 8
"""Pages that have a text or a look in work: a class may have one address. Few of them
may be without a listener, or have none yet."""
LOOKS_OF_ALL = 64
"""Of the tabs below the text."""
FILES_OF_ONE, FILES_OF_ALL = 4, 16
"""Opened, or made to be taken away."""
FILES_AT_ONCE = 1
"""Opened: one of 16 MB may take half a GB while it is read."""

ROOM = 200
"""Functions that run at once: more than all of these together, so none is kept out."""


class Limits:
    """Those of one page: what its functions and its endpoints have to pass."""

    def __init__(self, listeners: Listeners) -> None:
        def of_calls(limit: int, things: str, total: int) -> Quota:
            return Quota(limit, things, total, listeners=listeners)

        def of_pages(things: str, total: int) -> Quota:
            silent = SILENT_PAGES_OF_ONE
            return Quota(
                PAGES_OF_ONE, things, total, unheard=silent, listeners=listeners
            )

        self.calls = of_calls(TEXTS_OF_ONE, "texts", CALLS_OF_ALL)
        self.questions = of_calls(QUESTIONS_OF_ONE, "questions", QUESTIONS_OF_ALL)
        self.question_turns = WaitingLine(QUESTIONS_AT_ONCE)
        texts = of_pages("texts", TEXTS_OF_ALL)
        looks = of_pages("questions", LOOKS_OF_ALL)
        files = of_calls(FILES_OF_ONE, "files", FILES_OF_ALL)
        reading = WaitingLine(QUESTIONS_AT_ONCE)
        self.run = Admission(
            quota=texts,
            refuses=lambda tab, words: on_status(tab.refuse(ValueError(words))),
            waits=_busy,
            nothing=NOTHING,
        )
        self.comparison = Admission(
            quota=texts,
            refuses=_compared,
            waits=_compared,
            nothing=(gr.skip(), gr.skip()),
            count=lambda _prompt, names, *_: _count(names),
        )
        self.viewing = Admission(
            quota=looks,
            refuses=_in_panel,
            waits=_in_panel,
            nothing=panel_updates(),
            turns=reading,
        )
        self.opening = Admission(
            quota=files,
            refuses=self.run.refuses,
            waits=_busy,
            nothing=NOTHING,
            turns=WaitingLine(FILES_AT_ONCE),
        )
        self.saving = Admission(
            quota=files,
            refuses=_beside_files,
            waits=_beside_files,
            nothing=gr.skip(),
            turns=reading,
        )


def _count(names: Any) -> int:
    """The texts of a comparison."""
    return min(max(1, len(names)), MAX_RUNS) if isinstance(names, list) else 1


def _busy(_: Tab, words: str) -> Any:
    return on_status(Status(phase="busy", words=words))


def _compared(_: Tab, words: str) -> Any:
    return message_html(words), gr.skip()


def _in_panel(tab: Tab, words: str) -> Any:
    return panel_updates(tab.opened, message_html(words))


def _beside_files(tab: Tab, words: str) -> Any:
    return {"fault": words, "number": tab.files.begin()}
