"""Writes SentencePiece models (sentencepiece_model.proto there).

A message of Protocol Buffers is a list of fields: a number for the field and its wire
type, then the value. These few need no library.
"""

import struct
from collections.abc import Sequence

# Kinds of pieces; GGUF has the same numbers.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6


def sentencepiece_proto(
    tokens: Sequence[str],
    scores: Sequence[float],
    kinds: Sequence[int],
    *,
    add_space_prefix: bool,
    remove_extra_spaces: bool,
) -> bytes:
    """A BPE model; of two neighbours, those are joined first that score the highest."""
    pieces = (
        piece(token, kind, score)
        for token, score, kind in zip(tokens, scores, kinds, strict=True)
    )
    byte_fallback = kinds.count(BYTE) == 256
    trainer = _varint(3, 2) + _varint(4, len(tokens)) + _varint(35, byte_fallback)
    normalizer = _text(1, b"identity") + _varint(3, add_space_prefix)
    normalizer += _varint(4, remove_extra_spaces) + _varint(5, True)
    return b"".join(pieces) + _text(2, trainer) + _text(3, normalizer)


def piece(token: str, kind: int, score: float = 0.0) -> bytes:
    """One more token. A model that is followed by it has it, as its last."""
    return _text(1, _text(1, _spelt(token, kind)) + _float(2, score) + _varint(3, kind))


def with_space_prefix(proto: bytes, adds: bool) -> bytes:
    """The model, which writes a space before a text or does not.

    Of a field that comes twice the later one counts (normalizer_spec.add_dummy_prefix).
    """
    return proto + _text(3, _varint(3, adds))


def _spelt(token: str, kind: int) -> bytes:
    """Others spell user-defined tokens with spaces, SentencePiece never does."""
    return (token.replace(" ", "▁") if kind == USER_DEFINED else token).encode()


def _base128(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow.

    >>> _base128(300).hex()
    'ac02'
    """
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _varint(field: int, value: int) -> bytes:
    return _base128(field << 3) + _base128(int(value))


def _float(field: int, value: float) -> bytes:
    return _base128(field << 3 | 5) + struct.pack("<f", value)


def _text(field: int, value: bytes) -> bytes:
    return _base128(field << 3 | 2) + _base128(len(value)) + value
