"""Text from tokens as they come, never half a character."""

import copy
from collections.abc import Sequence
from itertools import chain

from playground.tokenizers.tokenizer import Tokenizer

MAX_CHARACTER_BYTES = 4  # of UTF-8


class TextStream:
    """Gives each token's text as soon as it is certain.

    The pieces together are what `tokenizer.detokenize` gives for all the ids:

        stream = TextStream(tokenizer)
        for token_id in ids:
            print(stream.push(token_id), end="")
        print(stream.flush())

    Args:
        tokenizer: Knows the bytes of each token.
        context_ids: What comes before, if the text continues something (a prompt): a
            space at the beginning is then kept.
        answer_ids: What was written behind it already. A character that it leaves
            incomplete is completed here.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        context_ids: Sequence[int] = (),
        answer_ids: Sequence[int] = (),
    ) -> None:
        self._tokenizer = tokenizer
        self._decoder = tokenizer.utf8_decoder()
        self._at_start = True
        for token_id in chain(context_ids, answer_ids):
            if not self._at_start:
                break  # the rest of a long text changes nothing
            self._bytes_of(token_id)
        for token_id in _last_character(tokenizer, answer_ids):
            self.push(token_id)

    def push(self, token_id: int) -> str:
        """The text that is certain now; "" while a character is incomplete.

        Raises:
            ValueError: The id is not in the vocabulary.
        """
        joins = self._tokenizer.joins_bytes(token_id)
        held_back = "" if joins else self.flush()
        return held_back + self._decoder.decode(self._bytes_of(token_id))

    def copy(self) -> "TextStream":
        """One that goes on from here by itself."""
        other = copy.copy(self)
        other._decoder = copy.copy(self._decoder)
        return other

    def flush(self) -> str:
        """What was held back, with U+FFFD for what never became a character."""
        return self._decoder.decode(b"", final=True)

    def _bytes_of(self, token_id: int) -> bytes:
        added = self._tokenizer.token_bytes(token_id, at_start=self._at_start)
        if self._at_start:
            dropped = not added and self._tokenizer.token_bytes(token_id) != b""
            keeps_dropping = self._tokenizer.drops_all_leading_spaces
            self._at_start = not added and (not dropped or keeps_dropping)
        return added


def _last_character(tokenizer: Tokenizer, token_ids: Sequence[int]) -> Sequence[int]:
    """The last tokens, as many as a character can be spelt with."""
    first, num_bytes = len(token_ids), 0
    while first > 0 and num_bytes < MAX_CHARACTER_BYTES:
        first -= 1
        num_bytes += len(tokenizer.token_bytes(token_ids[first]))
    return token_ids[first:]
