"""Finds the tokens of an answer that complete a stop string, for the engine."""

from collections.abc import Sequence

from playground.models.answers import piece_of, pieces_of, stream_of
from playground.tokenizers import TextStream, Tokenizer, TokenScanner


class TextStops:
    """Gives the tokens that a stop string is in, () while there is none.

    It is called with all new tokens of a text (`Request.text_stop`). A search has many
    texts, each a token longer than one that was asked for before: what is known of that
    one is kept, so a token more costs the same wherever it stands.

    `answer_ids` come between prompt and new tokens; stops within them were passed.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prompt_ids: Sequence[int],
        stop_strings: Sequence[str],
        answer_ids: Sequence[int] = (),
    ) -> None:
        scanner = TokenScanner(tokenizer, stop_strings)
        pieces = pieces_of(answer_ids, tokenizer, prompt_ids)
        for token_id, piece in zip(answer_ids, pieces, strict=True):
            scanner.push(token_id, piece)
            while scanner.found:
                scanner.pass_by()
        self._beginning = _Text(
            tokenizer, stream_of(tokenizer, prompt_ids, answer_ids), scanner
        )
        self._texts: dict[tuple[int, ...], _Text] = {}
        self._longest = 0

    def __call__(self, made: Sequence[int]) -> tuple[int, ...]:
        return self._text(tuple(made)).scanner.token_ids

    def _text(self, made: tuple[int, ...]) -> "_Text":
        if (text := self._texts.get(made)) is not None:
            return text
        before = self._texts.get(made[:-1])
        text = (before or self._beginning).copy()
        for token_id in made[-1:] if before else made:
            text.push(token_id)
        self._keep(made, text)
        return text

    def _keep(self, made: tuple[int, ...], text: "_Text") -> None:
        """The first of a new length lets go of all but those that it may follow."""
        if len(made) > self._longest:
            self._longest = len(made)
            known = self._texts.items()
            self._texts = {ids: t for ids, t in known if len(ids) == len(made) - 1}
        self._texts[made] = text


class _Text:
    """What is known of the end of a text."""

    def __init__(
        self, tokenizer: Tokenizer, stream: TextStream, scanner: TokenScanner
    ) -> None:
        self._tokenizer = tokenizer
        self._stream = stream
        self.scanner = scanner

    def copy(self) -> "_Text":
        return _Text(self._tokenizer, self._stream.copy(), self.scanner.copy())

    def push(self, token_id: int) -> None:
        if not self.scanner.found:
            piece = piece_of(token_id, self._stream, self._tokenizer)
            self.scanner.push(token_id, piece)
