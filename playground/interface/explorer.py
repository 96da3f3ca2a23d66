"""What the tabs beside a run show: which views, of which token.

Page and panel ask it and only place what it gives.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import Any, Protocol

from playground.engine import Engine
from playground.models import Explained, MistralCausalLM, explain
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.views.declaration import Declaration
from playground.views.explained_text import NOBODY, Waiting
from playground.views.labels import labels
from playground.views.registry import HINTS, VIEWS, choices_of, in_tab
from playground.views.subject import Read, Subject
from playground.views.view import View

TABS = (*HINTS, "Learn")
"""In the order in which a host shows them; the last is a text."""
NOTHING_YET = "Generate something first: this shows what happened then."


@dataclass(frozen=True, kw_only=True)
class Focus:
    """A token of the latest run: number `index` of its prompt or of its answer."""

    index: int
    in_prompt: bool = False


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What is chosen over the tabs; each view gets of it what it takes.

    Without a `focus` the last token is looked at, without a `sliding_window` the text
    is under the run's own, and without `settings` the lab has the run's.
    """

    focus: Focus | None = None
    layer: int = 0
    head: int = 0
    sliding_window: int | None = None
    score: str = "probability"
    settings: GenerationSettings | None = None


def head_label(choice: str) -> str:
    """What the head of a view in the tab Heads is called."""
    view = choices_of("Heads").get(choice)
    return view.heads if view else "Head"


def places(model: MistralCausalLM, choice: str) -> tuple[int, int]:
    """From how many layers and heads a view in the tab Heads lets one choose."""
    backbone = model.backbone
    own = head_label(choice) == "Head"
    heads = backbone.num_query_heads if own else backbone.num_key_value_heads
    return backbone.num_layers, heads


class Source(Protocol):
    """What an explorer looks at: a session, or one run by itself."""

    @property
    def transcript(self) -> Transcript | None: ...

    @property
    def engine(self) -> Engine[MistralCausalLM]: ...


class Explorer:
    """The views of a session's latest run, or of one run by itself.

    Its text is read once for all questions about it, when the first of them is asked,
    and again for one under another window; one reading is kept. Raises ValueError, in
    words fit to show, where there is nothing to see yet.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._read: Explained | None = None
        self._reading = threading.RLock()  # one question at a time looks inside

    @property
    def run(self) -> Transcript:
        """The latest run, which has a token at least."""
        run = self._source.transcript
        if run is None or not run.token_ids:
            raise ValueError(NOTHING_YET)
        return run

    @property
    def model(self) -> MistralCausalLM:
        engine = self._source.engine
        if (model := engine.model) is None:
            raise ValueError(f"The model is not there: {engine.status.message}")
        return model

    @property
    def subject(self) -> Subject:
        """What its views are made of."""
        return self._subject(self._text)

    def focus(self, wanted: Focus | None) -> Focus:
        """`wanted` if the run has such a token, else the last of the answer."""
        run = self.run
        if wanted is not None:
            part = run.prompt_token_ids if wanted.in_prompt else run.token_ids
            if 0 <= wanted.index < len(part):
                return wanted
        return Focus(index=len(run.token_ids) - 1)

    def position(self, focus: Focus) -> int:
        """Of a token in prompt and answer together."""
        before = 0 if focus.in_prompt else len(self.run.prompt_token_ids)
        return before + focus.index

    def name(self, focus: Focus) -> str:
        """`Token 12, new token 3: ␣the`."""
        at, subject = self.position(focus), self.subject
        part = "of the prompt" if focus.in_prompt else f"new token {focus.index:,}"
        (label,) = labels(subject.tokenizer, [subject.text_ids[at]])
        return f"Token {at:,}, {part}: {label}"

    def tab(
        self,
        tab: str,
        choice: str = "",
        choices: Choices = Choices(),
        waiting: Waiting = NOBODY,
    ) -> Sequence[View]:
        """The views of a tab, or of those that stand to choose in it the chosen one."""
        wanted = [choices_of(tab)[choice]] if choice else in_tab(tab)
        return [
            self._made(each, waiting, self._arguments(each, choices)) for each in wanted
        ]

    def view(self, name: str, *arguments: Any, **chosen: Any) -> View:
        """One of VIEWS by its name, of what its function takes."""
        return self._made(VIEWS[name], NOBODY, chosen, *arguments)

    @property
    def holds_text(self) -> bool:
        """Whether a text is kept as it was read."""
        return self._read is not None

    def forget(self) -> None:
        """Let go of the text that was read, which may hold 300 MB."""
        with self._reading:
            self._read = None

    def _made(
        self,
        view: Declaration,
        waiting: Waiting,
        chosen: dict[str, Any],
        *arguments: Any,
    ) -> View:
        with ExitStack() as until_made:

            def read(subject: Subject, window: int | None, length: int | None) -> Any:
                until_made.enter_context(self._reading)
                return self._text(subject, window, length)

            subject = self._subject(read, waiting)
            return view.make(subject, *arguments, **chosen)

    def _subject(self, read: Read, waiting: Waiting = NOBODY) -> Subject:
        engine, model, run = self._source.engine, self.model, self.run
        return Subject(engine=engine, model=model, run=run, read=read, waiting=waiting)

    def _text(
        self, subject: Subject, window: int | None, length: int | None
    ) -> Explained:
        with self._reading:
            ids = subject.text_ids
            if (read := self._read) is None or not _is_of(read, ids[:length], window):
                self._read = None  # first: a long text takes 320 MB
                read = explain(subject.model, ids, window, *subject.waiting)
                self._read = read
            return read

    def _arguments(self, view: Declaration, choices: Choices) -> dict[str, Any]:
        """What the view takes of what is chosen."""
        focus = self.focus(choices.focus)
        found: dict[str, Callable[[], Any]] = {
            "layer": lambda: choices.layer,
            "head": lambda: choices.head,
            "score": lambda: choices.score,
            "sliding_window": lambda: choices.sliding_window,
            "shorter": lambda: self._shorter(choices.sliding_window),
        }
        if view.takes("position"):
            found["position"] = lambda: self.position(focus)
        elif view.takes("index"):
            found["index"] = lambda: _index_of(focus)
        taken = {name: get() for name, get in found.items() if view.takes(name)}
        if view.takes("settings") and (settings := choices.settings) is not None:
            taken |= {
                each.name: getattr(settings, each.name) for each in fields(settings)
            }
        return taken

    def _shorter(self, window: int | None) -> int | None:
        """A window that hides some of what the run's own shows."""
        if window is None:
            return None
        subject = self.subject
        return (
            window if window < (subject.window.size or len(subject.text_ids)) else None
        )


def _index_of(focus: Focus) -> int:
    if focus.in_prompt:
        raise ValueError("You wrote this token. Choose one that the model chose.")
    return focus.index


def _is_of(read: Explained, ids: Sequence[int], window: int | None) -> bool:
    """Whether a text was read that begins with these tokens, under this window."""
    same_window = read.sliding_window == min(window or len(read), len(read))
    return same_window and read.token_ids[: len(ids)] == tuple(ids)
