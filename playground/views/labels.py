r"""What a token is called in a picture: its own text, with nothing invisible in it.

Token          Label
" the"         ␣the
"\n\n"         ↵↵
b"\xe2\x80"    <0xE2><0x80>, part of a character
U+202E         <U+202E>, as it has no shape, and would turn the text around
<|im_end|>     <|im_end|>, a special token by its name
"""

from collections.abc import Iterable
from unicodedata import combining

from playground.tokenizers import Tokenizer

MAX_CHARACTERS = 40  # of a label; a vocabulary may come from anywhere
_SHAPES = {" ": "␣", "\n": "↵", "\t": "⇥"}
_BYTES = range(0xDC80, 0xDD00)  # "surrogateescape" decodes the byte 0x80 to U+DC80


def labels(tokenizer: Tokenizer, token_ids: Iterable[int]) -> tuple[str, ...]:
    """A label for each token: at least one character, at most MAX_CHARACTERS.

    An id that the vocabulary does not have, though the model may, is "<id 50000>".
    """
    return tuple(_label(tokenizer, token_id) for token_id in token_ids)


def visible(text: str) -> str:
    """The text with a shape for each character: spaces, line ends, marks and all."""
    return "".join(map(_shape, text))


def visible_bytes(text: bytes) -> str:
    """The same of bytes that may hold parts of characters, as <0xE2>."""
    return visible(text.decode(errors="surrogateescape"))


def _label(tokenizer: Tokenizer, token_id: int) -> str:
    if not 0 <= token_id < tokenizer.vocabulary_size():
        return f"<id {token_id}>"
    text = visible_bytes(tokenizer.token_bytes(token_id))
    text = text or visible(tokenizer.id_to_token(token_id)) or f"<id {token_id}>"
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def _shape(character: str) -> str:
    if character in _SHAPES:
        return _SHAPES[character]
    if ord(character) in _BYTES:
        return f"<0x{ord(character) - 0xDC00:02X}>"
    if not character.isprintable():
        return f"<U+{ord(character):04X}>"
    # A mark would sit on the letter before it, which is another token's.
    return f"◌{character}" if combining(character) else character
