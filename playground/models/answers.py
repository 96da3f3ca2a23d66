"""From the engine's tokens back to text."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from playground.engine import Beam, Beams, Candidate, Event, Finished, Step, TokenRecord
from playground.tokenizers import StopScanner, TextStream, Tokenizer

MAX_BEAMS_SEEN = 256
"""Each step brings all texts anew, so a trace grows with the square of its length."""


def with_text(
    events: Iterable[Event],
    tokenizer: Tokenizer,
    prompt_ids: Sequence[int],
    stop_strings: Sequence[str] = (),
    end: Callable[[], None] = lambda: None,
    answer_ids: Sequence[int] = (),
) -> Iterator[Event]:
    """The same events, each token with the text that it makes certain.

    All the texts together are the new text, to the byte; characters that span tokens
    come with the last of them, and what may begin a stop string waits until it is clear
    that it does not. A beam search brings the whole text each time. At a stop string,
    which is not part of the text, `end` is called to end the run. `answer_ids` between
    prompt and new tokens have had their text (`text_so_far`); a stop that began in it
    is found as in one longer run.
    """
    text = NewText(tokenizer, prompt_ids, stop_strings, answer_ids)
    for event in events:
        match event:
            case Finished():
                yield text.finished(event)
            case _ if text.stopped:
                pass  # what was on its way when the stop was found
            case Step():
                yield replace(event, text=text.push(event.token_id))
            case Beams():
                text = NewText(tokenizer, prompt_ids, stop_strings, answer_ids)
                best = "".join(map(text.push, event.beams[0].token_ids))
                yield replace(event, text=best)
            case _:
                yield event
        if text.stopped:
            end()


class NewText:
    """The text of new tokens behind a prompt, up to a stop string.

    `before` is what is certain of the text of `answer_ids`, which come between prompt
    and new tokens: without an incomplete character, and without an end that may begin a
    stop. A stop within them was passed when the answer went on, and is passed again.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prompt_ids: Sequence[int],
        stop_strings: Sequence[str] = (),
        answer_ids: Iterable[int] = (),
    ) -> None:
        self._stream = TextStream(tokenizer, context_ids=prompt_ids)
        self._scanner = StopScanner(stop_strings)
        self._shown = 0  # characters
        self._ends: list[tuple[int, int]] = []  # of each token's text, and its id
        self.before = "".join(map(self._push_past_stops, answer_ids))

    @property
    def stopped(self) -> str:
        """The stop string that was found, or ""."""
        return self._scanner.found

    def push(self, token_id: int) -> str:
        """The text that is certain with one more token."""
        if self.stopped:
            return ""
        piece = self._stream.push(token_id)
        end = self._ends[-1][0] if self._ends else 0
        self._ends.append((end + len(piece), token_id))
        shown = self._scanner.push(piece)
        self._shown += len(shown)
        return shown

    def _push_past_stops(self, token_id: int) -> str:
        shown = self.push(token_id)
        while self.stopped:
            passed = self._scanner.pass_by()
            self._shown += len(passed)
            shown += passed
        return shown

    def finished(self, event: Finished) -> Finished:
        """The end of the run, with the text that was held back or the stop string."""
        rest = self._scanner.push(self._stream.flush()) + self._scanner.flush()
        if not self.stopped:
            return replace(event, text=rest)
        before = self._shown + len(rest)
        ids = tuple(token_id for end, token_id in self._ends if end > before)
        stop = self.stopped
        return replace(
            event, reason="stop", stopped_by=ids, stop_string=stop, text=rest
        )


def text_so_far(
    answer_ids: Iterable[int],
    tokenizer: Tokenizer,
    prompt_ids: Sequence[int],
    stop_strings: Sequence[str] = (),
) -> str:
    """What is certain of the text of an answer that goes on (`NewText.before`)."""
    return NewText(tokenizer, prompt_ids, stop_strings, answer_ids).before


def text_of(
    token_ids: Iterable[int], tokenizer: Tokenizer, prompt_ids: Sequence[int]
) -> str:
    """The text of new tokens behind a prompt."""
    text = TextStream(tokenizer, context_ids=prompt_ids)
    return "".join(map(text.push, token_ids)) + text.flush()


@dataclass(kw_only=True)
class Answer:
    """What a run has made so far.

    `token_ids` are the new tokens, a stop token included; `beams` those of a beam
    search, best first. `stop_string` ended the run and is not part of the text.
    `records` has one entry for each of them, None where nothing was recorded.
    `beams_seen` are the steps of a beam search, the first MAX_BEAMS_SEEN of them, and
    `compared` what contrastive search looked at for each token.
    """

    text: str = ""
    stop_string: str = ""
    token_ids: list[int] = field(default_factory=list)
    beams: tuple[Beam, ...] = ()
    records: list[TokenRecord | None] = field(default_factory=list, compare=False)
    beams_seen: list[Beams] = field(default_factory=list, compare=False)
    compared: list[tuple[Candidate, ...]] = field(default_factory=list, compare=False)

    def add(self, event: Event) -> None:
        """Keep what `event` brings."""
        match event:
            case Step():
                self.token_ids.append(event.token_id)
                self.text += event.text
                self.records.append(event.record)
                if event.candidates:
                    self.compared.append(event.candidates)
            case Beams():
                self.beams = event.beams
                if len(self.beams_seen) < MAX_BEAMS_SEEN:
                    self.beams_seen.append(event)
                self.token_ids = list(event.beams[0].token_ids)
                self.records = [None] * len(self.token_ids)
                self.text = event.text
            case Finished():
                self.text += event.text
                self.stop_string = event.stop_string


def answer_of(events: Iterable[Event]) -> Answer:
    """What a whole run makes."""
    answer = Answer()
    for event in events:
        answer.add(event)
    return answer
