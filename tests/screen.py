"""What assets/output.js does with its values, without a browser."""

import json
from typing import Any

Spans = list[list[Any]]


class Screen:
    """The spans that stand in the output after the values that it was shown."""

    def __init__(self) -> None:
        self.id = 0
        self.prompt: Spans = []
        self.answer: Spans = []

    def show(self, value: dict[str, Any]) -> bool:
        """Draw a value; False if what it begins with does not stand here."""
        known = self.id in (value["id"], value["on"])
        missed = len(self.answer) < value["base"] if known else value["base"] > 0
        if missed or (value["prompt"] is None and not known):
            return False
        if value["prompt"] is not None:
            self.prompt = spans_in(value["prompt"])
        self.answer[value["base"] :] = spans_in(value["answer"])
        self.id = value["id"]
        return True

    @property
    def text(self) -> str:
        """That of the answer."""
        return text_of(self.answer)


def spans_in(lines: str) -> Spans:
    """The spans of a prompt or an answer in a value."""
    return [json.loads(line) for line in lines.split("\n")[:-1]]


def text_of(spans: Spans) -> str:
    return "".join(text for text, *_ in spans)
