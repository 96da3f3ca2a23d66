"""From the engine's tokens back to text."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO

from playground.engine import Beam, Beams, Candidate, Event, Finished, Step, TokenRecord
from playground.tokenizers import TextStream, Tokenizer, TokenScanner

MAX_BEAMS_SEEN = 256
"""Each step brings all texts anew, so a trace grows with the square of its length."""


def with_text(
    events: Iterable[Event],
    tokenizer: Tokenizer,
    prompt_ids: Sequence[int],
    stop_strings: Sequence[str] = (),
    end: Callable[[], None] = lambda: None,
    answer_ids: Sequence[int] = (),
    answer_pieces: Sequence[str] | None = None,
) -> Iterator[Event]:
    """The same events, each token with its own text and the text that it makes certain.

    All the texts together are the new text, to the byte; characters that span tokens
    come with the last of them, and what may begin a stop string waits until it is clear
    that it does not, though not in the tokens' pieces. A beam search brings the whole
    text each time. At a stop string, which is not part of the text, `end` is called to
    end a run that does not look for it (`Request.text_stop`); a search does, as another
    text may become its best. `answer_ids` between prompt and new tokens have had their
    text (`text_so_far`), in `answer_pieces` if they are known; a stop that began in it
    is found as in one longer run.
    """
    before = (tokenizer, prompt_ids, stop_strings, answer_ids, answer_pieces)
    text = NewText(*before)
    for event in events:
        match event:
            case Finished():
                yield text.finished(event)
            case Step() if text.stopped:
                pass  # what was on its way when the stop was found
            case Step():
                certain = text.push(event.token_id)
                yield replace(event, text=certain, piece=text.pieces[-1])
                if text.stopped:
                    end()
            case Beams():
                ids = event.beams[0].token_ids
                if not text.begins(ids):  # the search has changed its mind
                    text = NewText(*before)
                for token_id in ids[len(text.new_pieces) :]:
                    text.push(token_id)
                pieces = tuple(text.new_pieces)
                yield replace(event, text=text.new_text, pieces=pieces)
            case _:
                yield event


class NewText:
    """The text of new tokens behind a prompt, up to a stop string.

    `before` is what is certain of the text of `answer_ids`, which come between prompt
    and new tokens: without an incomplete character, and without an end that may begin a
    stop. A stop within them was passed when the answer went on, and is passed again.
    `answer_pieces` are their pieces, None if they are not known.

    Attributes:
        pieces: Each token's own part of the text, parts of stops included.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prompt_ids: Sequence[int],
        stop_strings: Sequence[str] = (),
        answer_ids: Sequence[int] = (),
        answer_pieces: Sequence[str] | None = None,
    ) -> None:
        if answer_pieces is None:
            answer_pieces = pieces_of(answer_ids, tokenizer, prompt_ids)
        self._tokenizer = tokenizer
        self.pieces: list[str] = []
        self._ids: list[int] = []
        self._num_before = len(answer_ids)
        self._stream = stream_of(tokenizer, prompt_ids, answer_ids)
        self._scanner = TokenScanner(tokenizer, stop_strings)
        passed = map(self._add_past_stops, answer_ids, answer_pieces)
        self.before = "".join(passed)

    @property
    def stopped(self) -> str:
        """The stop string that was found, or ""."""
        return self._scanner.found

    @property
    def new_pieces(self) -> list[str]:
        """Those of the tokens that were pushed."""
        return self.pieces[self._num_before :]

    @property
    def new_text(self) -> str:
        """What is certain behind `before`."""
        return "".join(self.pieces)[len(self.before) : self._scanner.shown]

    def begins(self, token_ids: Sequence[int]) -> bool:
        """Whether these begin with the tokens that were pushed."""
        pushed = self._ids[self._num_before :]
        return list(token_ids[: len(pushed)]) == pushed

    def push(self, token_id: int) -> str:
        """The text that is certain with one more token."""
        after_stop = self.stopped != ""
        piece = "" if after_stop else piece_of(token_id, self._stream, self._tokenizer)
        return self._add(token_id, piece)

    def _add(self, token_id: int, piece: str) -> str:
        self._ids.append(token_id)
        self.pieces.append(piece)
        return self._scanner.push(token_id, piece)

    def _add_past_stops(self, token_id: int, piece: str) -> str:
        shown = self._add(token_id, piece)
        while self.stopped:
            shown += self._scanner.pass_by()
        return shown

    def finished(self, event: Finished) -> Finished:
        """The end of the run, with the text that was held back or the stop string."""
        rest = self._scanner.flush(self._stream.flush())
        if not self.stopped:
            return replace(event, text=rest)
        return replace(
            event,
            reason="stop",
            stopped_by=self._scanner.token_ids,
            stop_string=self.stopped,
            text=rest,
        )


def text_so_far(
    answer_ids: Sequence[int],
    tokenizer: Tokenizer,
    prompt_ids: Sequence[int],
    stop_strings: Sequence[str] = (),
) -> str:
    """What is certain of the text of an answer that goes on (`NewText.before`)."""
    return NewText(tokenizer, prompt_ids, stop_strings, answer_ids).before


def pieces_of(
    token_ids: Iterable[int], tokenizer: Tokenizer, prompt_ids: Sequence[int] = ()
) -> list[str]:
    """Each token's own part of the text, "" for an id that only the model has.

    A character that several tokens spell stands with the one that completes it.
    """

    stream = stream_of(tokenizer, prompt_ids)
    return [piece_of(token_id, stream, tokenizer) for token_id in token_ids]


def text_of(
    token_ids: Iterable[int], tokenizer: Tokenizer, prompt_ids: Sequence[int]
) -> str:
    """The text of new tokens behind a prompt."""
    stream = stream_of(tokenizer, prompt_ids)
    pieces = (piece_of(token_id, stream, tokenizer) for token_id in token_ids)
    return "".join(pieces) + stream.flush()


def stream_of(tokenizer: Tokenizer, *before: Sequence[int]) -> TextStream:
    """The text stream behind a prompt, and the answer's beginning if there is one."""
    size = tokenizer.vocabulary_size()
    known = ([each for each in ids if 0 <= each < size] for ids in before)
    return TextStream(tokenizer, *known)


def piece_of(token_id: int, stream: TextStream, tokenizer: Tokenizer) -> str:
    """A token's text. Of one that only the model has there is none: vocabularies are
    padded to round numbers, and a run may be another model's."""
    known = 0 <= token_id < tokenizer.vocabulary_size()
    return stream.push(token_id) if known else ""


class GrowingText:
    """A text field of a dataclass to which each token adds in constant time."""

    def __get__(self, answer: object | None, _owner: object = None) -> str:
        if answer is None:
            return ""  # the default, as dataclasses ask for it
        text: str = answer.__dict__["_text"].getvalue()
        return text

    def __set__(self, answer: object, text: str) -> None:
        answer.__dict__["_text"] = StringIO(newline="")
        self.add(answer, text)

    @staticmethod
    def add(answer: object, text: str) -> None:
        """Append to the text of this field's owner."""
        answer.__dict__["_text"].write(text)


@dataclass(kw_only=True)
class Answer:
    """What a run has made so far.

    `token_ids` are the new tokens, a stop token included; `beams` those of a beam
    search, best first. `stop_string` ended the run and is not part of the text.
    `pieces` are the tokens' own parts of the text, as far as the stop string's end; an
    answer that was not written here has none. `records` has one entry for each token,
    None where nothing was recorded.
    `beams_seen` are the steps of a beam search, the first MAX_BEAMS_SEEN of them, and
    `compared` what contrastive search looked at for each token.
    """

    text: GrowingText = GrowingText()
    stop_string: str = ""
    token_ids: list[int] = field(default_factory=list)
    beams: tuple[Beam, ...] = ()
    pieces: list[str] = field(default_factory=list, compare=False)
    records: list[TokenRecord | None] = field(default_factory=list, compare=False)
    beams_seen: list[Beams] = field(default_factory=list, compare=False)
    compared: list[tuple[Candidate, ...]] = field(default_factory=list, compare=False)

    def add(self, event: Event) -> None:
        """Keep what `event` brings."""
        match event:
            case Step():
                # The ids last: who looks meanwhile finds the rest of each token there.
                self.pieces.append(event.piece)
                self.records.append(event.record)
                self.token_ids.append(event.token_id)
                GrowingText.add(self, event.text)
                if event.candidates:
                    self.compared.append(event.candidates)
            case Beams():
                self.beams = event.beams
                if len(self.beams_seen) < MAX_BEAMS_SEEN:
                    self.beams_seen.append(event)
                self.pieces = list(event.pieces)
                self.token_ids = list(event.beams[0].token_ids)
                self.records = [None] * len(self.token_ids)
                self.text = event.text
            case Finished():
                GrowingText.add(self, event.text)
                self.stop_string = event.stop_string


def answer_of(events: Iterable[Event]) -> Answer:
    """What a whole run makes."""
    answer = Answer()
    for event in events:
        answer.add(event)
    return answer
