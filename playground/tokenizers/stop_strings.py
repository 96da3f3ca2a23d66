"""Stops that are text, found across token borders while the text streams."""

import copy
from collections.abc import Sequence
from typing import NamedTuple

from playground.tokenizers.tokenizer import Tokenizer

_FIRST_LETTER = 0xD800


class StopScanner:
    r"""Lets text through up to the first stop; holds back what may begin one.

    The stop that is complete first counts, and of those the longest, so it does not
    matter into which pieces the text is cut. With the stop "\n\n":

        pushed    let through    held back
        "a\n"     "a"            "\n"
        "b\n"     "\nb"          "\n"
        "\nc"     ""             found

    Attributes:
        found: The stop, once it was found; "" before.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.found = ""
        self._stops = [stop for stop in stops if stop]
        self._held = ""

    def push(self, text: str) -> str:
        """What may be shown now; nothing after a stop."""
        if self.found:
            return ""
        self._held += text
        places = [
            (place + len(stop), place, stop)
            for stop in self._stops
            if (place := self._held.find(stop)) >= 0
        ]
        if places:
            _, place, self.found = min(places)
            return self._let_through(place)
        return self._let_through(len(self._held) - self._may_begin())

    def pass_by(self) -> str:
        """Let the stop that was found through, and look for the next behind it.

        Gives what may be shown now.
        """
        shown = self._let_through(len(self.found))
        self.found = ""
        return shown + self.push("")

    def flush(self) -> str:
        """The rest that was held back: no more text comes."""
        return "" if self.found else self._let_through(len(self._held))

    def _may_begin(self) -> int:
        """How many characters at the end could be the beginning of a stop."""
        return max(
            (
                length
                for stop in self._stops
                for length in range(1, len(stop))
                if self._held.endswith(stop[:length])
            ),
            default=0,
        )

    def _let_through(self, length: int) -> str:
        shown, self._held = self._held[:length], self._held[length:]
        return shown


class TokenScanner:
    """A `StopScanner` over tokens, which knows in which of them the stop is.

    A special token has no text, but a stop may spell it: "</s>" or "User:<|im_end|>".
    So in the text that is searched one letter stands for each that a stop spells; it is
    half of a surrogate pair, which no text holds.

    Attributes:
        shown: How many characters it let through.
    """

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str]) -> None:
        self.shown = 0
        self._tokenizer = tokenizer
        self._letters: dict[int, str] = {}
        with_letters = {self._with_letters(stop): stop for stop in stops}
        self._spelt = {stop: stop for stop in stops} | with_letters
        self._no_letters = dict.fromkeys(map(ord, self._letters.values()))
        self._scanner = StopScanner(list(self._spelt))
        self._has_stops = any(stops)
        self._length = self._passed = 0  # characters: of all tokens, and let through
        self._held: list[_Held] = []  # those that may be in a stop

    def copy(self) -> "TokenScanner":
        """One that goes on from here by itself."""
        other = copy.copy(self)
        other._scanner = copy.copy(self._scanner)
        return other

    @property
    def found(self) -> str:
        """The stop, once it was found; "" before."""
        return self._spelt.get(self._scanner.found, "")

    @property
    def token_ids(self) -> tuple[int, ...]:
        """Those that the stop is in, to its last character; () before it was found."""
        return tuple(each.token_id for each in self._held) if self.found else ()

    def push(self, token_id: int, piece: str) -> str:
        """What may be shown now that a token has brought `piece`."""
        if self.found:
            return ""
        if self._has_stops:
            inside = _ends_inside_character(self._tokenizer, token_id, piece)
            piece += self._letters.get(token_id, "")
        self._length += len(piece)
        if self._has_stops:
            self._held = [*self._held, _Held(token_id, self._length, inside)]
        return self._let_through(self._scanner.push(piece))

    def pass_by(self) -> str:
        """As `StopScanner.pass_by`."""
        return self._let_through(self._scanner.pass_by())

    def flush(self, piece: str) -> str:
        """The rest, and `piece` behind it, which no token brought; no more comes."""
        self._length += len(piece)
        shown = self._let_through(self._scanner.push(piece))
        return shown + self._scanner.flush().translate(self._no_letters)

    def _with_letters(self, stop: str) -> str:
        """The stop with a letter for each special token that it spells."""
        text = ""
        for piece in self._tokenizer.split_marks(stop):
            if isinstance(piece, str):
                text += piece
            elif piece in self._tokenizer.special_token_ids:
                letter = chr(_FIRST_LETTER + len(self._letters))
                text += self._letters.setdefault(piece, letter)
            else:
                text += self._tokenizer.token_bytes(piece).decode()
        return text

    def _let_through(self, passed: str) -> str:
        self._passed += len(passed)
        shown = passed.translate(self._no_letters)
        self.shown += len(shown)
        self._held = [
            each
            for each in self._held
            if each.end > self._passed or (each.end == self._passed and each.inside)
        ]
        return shown


class _Held(NamedTuple):
    """A token, where its text ends, and whether inside of the character after that."""

    token_id: int
    end: int
    inside: bool


def _ends_inside_character(tokenizer: Tokenizer, token_id: int, piece: str) -> bool:
    if not 0 <= token_id < tokenizer.vocabulary_size():
        return False
    spelt = tokenizer.token_bytes(token_id)
    if not spelt or spelt[-1] < 0x80:
        return False
    decoder = tokenizer.utf8_decoder()
    decoder.decode(spelt)
    return not piece or decoder.getstate()[0] != b""
