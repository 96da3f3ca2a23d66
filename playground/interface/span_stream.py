"""What is new of a run's spans since the browser's output was last told."""

import json
import threading
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

from playground.interface.spans import as_span, prompt_spans
from playground.models import MistralCausalLM
from playground.tokenizers import Tokenizer
from playground.transcript import Transcript
from playground.views.labels import labels
from playground.views.token_spans import aligned, end_of, token_span

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class SpanStream:
    """The spans that a browser's output has, and what to tell it next.

    A value of `value` says what stands after the first `base` spans of the answer. The
    browser has these from the values before it of the same `id`, or from those of the
    run before, `on`; if it missed them it asks for `whole`. A `prompt` of None is the
    one that it has.

    Spans are lines of JSON, so a growing answer is a growing string: Gradio compares
    and copies that at once, and sends what was appended.
    """

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._number = 0
        self._on = 0
        self._base = 0
        self._run: Transcript | None = None
        self._tokenizer: Tokenizer | None = None
        self._prompt: tuple[str, Sequence[int]] | None = None
        self._settled = _Settled()

    def value(
        self, run: Transcript | None, model: MistralCausalLM | None, live: bool
    ) -> dict[str, Any]:
        """What assets/output.js draws of a run; the prompt is one piece while live."""
        with self._changing:
            if run is None or model is None:
                return self._next(None, None, "", "", live)
            tokenizer = model.text_preprocessor.tokenizer
            if run is not self._run or tokenizer is not self._tokenizer:
                self._begin(run, tokenizer)
            answer = self._answer(run, tokenizer, live)
            return self._told(run, self._new_prompt(run, tokenizer, live), answer, live)

    def whole(
        self, run: Transcript | None, model: MistralCausalLM | None
    ) -> dict[str, Any]:
        """The same from its beginning, for a browser that has missed something."""
        with self._changing:
            self._base, self._prompt = 0, None
        return self.value(run, model, live=run is not None and run.finished is None)

    def stored(self, run: Transcript, spans: dict[str, Any]) -> dict[str, Any]:
        """A run whose spans were made before, as `spans_value` has them."""
        with self._changing:
            prompt, answer = (_lines(spans[part]) for part in ("prompt", "answer"))
            return self._next(run, None, prompt, answer, live=False)

    def _next(
        self,
        run: Transcript | None,
        tokenizer: Tokenizer | None,
        prompt: str,
        answer: str,
        live: bool,
    ) -> dict[str, Any]:
        """Another run, of which nothing stands there yet."""
        self._begin(run, tokenizer)
        self._settled, self._base, self._prompt = _Settled(), 0, None
        return self._told(run, prompt, answer, live)

    def _begin(self, run: Transcript | None, tokenizer: Tokenizer | None) -> None:
        if tokenizer is not self._tokenizer:
            self._settled, self._prompt = _Settled(), None
        self._run, self._tokenizer = run, tokenizer
        self._on, self._number = self._number, self._number + 1
        self._base = len(self._settled.lines)

    def _told(
        self, run: Transcript | None, prompt: str | None, answer: str, live: bool
    ) -> dict[str, Any]:
        earlier = {"earlier": run.earlier_text} if run and run.earlier_text else {}
        return {
            "id": self._number,
            "on": self._on,
            "base": self._base,
            "prompt": prompt,
            **earlier,
            "answer": answer,
            "live": live,
        }

    def _new_prompt(
        self, run: Transcript, tokenizer: Tokenizer, live: bool
    ) -> str | None:
        prompt = run.prompt_text, run.prompt_token_ids
        if self._prompt == prompt:
            return None
        if live:
            return _lines([[run.prompt_text, "", [], [], False]])
        self._prompt = prompt
        return _lines(prompt_spans(tokenizer, run))

    def _answer(self, run: Transcript, tokenizer: Tokenizer, live: bool) -> str:
        settled, text = self._settled, run.text_of_tokens
        pieces = run.pieces_by(tokenizer)
        ids = run.token_ids[: min(len(pieces), len(run.records))]
        settled.keep_what_is_of(run, ids, text)
        self._base = min(self._base, len(settled.lines))
        settled.add(run, ids, text, tokenizer)
        if not live and len(settled.ids) == len(ids) and len(settled.text) < len(text):
            settled.cut(len(ids) - 1)  # the last token takes what is left
        self._base = min(self._base, len(settled.lines))
        rest = ""
        if not live:
            first, at = len(settled.ids), len(settled.text)
            texts = aligned(pieces[first : len(ids)], text[at:])
            places = range(first, len(ids))
            rest = "".join(
                _line(tokenizer, run, place, part)
                for place, part in zip(places, texts, strict=True)
            )
        return "".join(settled.lines[self._base :]) + rest


class _Settled:
    """The tokens whose text is certain, and their lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ids: list[int] = []
        self.pieces: list[str] = []
        self.records: list[Any] = []
        self.text = ""
        self.ends: list[int] = []

    def keep_what_is_of(self, run: Transcript, ids: list[int], text: str) -> None:
        """Let go of what differs from `run`, such as where it leaves the run before."""
        count = len(self.ids)
        both: list[tuple[list[Any], list[Any]]] = [
            (self.ids, ids),
            (self.pieces, run.pieces),
            (self.records, run.records),
        ]
        if any(mine != its[:count] for mine, its in both):
            count = min(_common(mine, its) for mine, its in both)
        while count and self.ends[count - 1] > len(text):
            count -= 1
        self.cut(count)
        if not text.startswith(self.text):
            self.cut(0)

    def cut(self, count: int) -> None:
        """Keep the first `count` tokens."""
        for each in (self.lines, self.ids, self.pieces, self.records, self.ends):
            del each[count:]
        self.text = self.text[: self.ends[-1]] if self.ends else ""

    def add(
        self, run: Transcript, ids: list[int], text: str, tokenizer: Tokenizer
    ) -> None:
        """Settle the tokens whose text is not held back any more."""
        at = len(self.text)
        for place in range(len(self.ids), len(ids)):
            piece = run.pieces[place]
            if len(text) - at < len(piece):
                break
            end = end_of(piece, text, at)
            self.lines.append(_line(tokenizer, run, place, text[at:end]))
            self.ids.append(ids[place])
            self.pieces.append(piece)
            self.records.append(run.records[place])
            self.ends.append(end)
            at = end
        self.text = text[:at]


def _line(tokenizer: Tokenizer, run: Transcript, place: int, text: str) -> str:
    token_id = run.token_ids[place]
    (label,) = labels(tokenizer, [token_id])
    span = token_span(token_id, text, label, run.records[place])
    return _to_json(as_span(span, tokenizer.special_token_ids)) + "\n"


def _lines(spans: Iterable[Any]) -> str:
    return "".join(_to_json(span) + "\n" for span in spans)


def _common(one: Sequence[Any], other: Sequence[Any]) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
