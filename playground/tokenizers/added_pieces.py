"""Finds the added words of a SentencePiece model, so that we can look for them first.

SentencePiece knows two kinds of such words. Runs of spaces it cuts well by itself. The
others, "<|im_start|>" and the like, came later than the model; whoever added them cut
texts at them before SentencePiece saw what is between, so each such text gets a space
in front. Here they become pieces that SentencePiece never writes, only reads.

A model is a message of Protocol Buffers (sentencepiece_model.proto): a list of fields,
each a number for field and wire type, and a value.
"""

from collections.abc import Iterator

_USER_DEFINED, _UNUSED = 4, 5
_PIECE, _TEXT_OF_PIECE, _KIND_OF_PIECE = 1, 1, 3
_VARINT, _LENGTH = 0, 2
_BYTES_OF_TYPE = {1: 8, 5: 4}
_SAYS_SO = bytes([_KIND_OF_PIECE << 3 | _VARINT, _USER_DEFINED])


def without_added_pieces(proto: bytes) -> tuple[bytes, dict[int, str]]:
    """The model, its added words unused; their ids and texts.

    The message was read by SentencePiece before. Raises ValueError for groups, which no
    such message has.
    """
    changed, found = bytearray(proto), {}
    pieces = (span for field, *span in _fields(proto, 0, len(proto)) if field == _PIECE)
    for id_, (start, end) in enumerate(pieces):
        if proto.find(_SAYS_SO, start, end) < 0:
            continue  # nearly all; a vocabulary is read in a fifth of the time
        text, kind = b"", None
        for field, begins, ends in _fields(proto, start, end):
            if field == _TEXT_OF_PIECE:
                text = proto[begins:ends]
            elif field == _KIND_OF_PIECE:
                kind = begins
        name = text.decode(errors="replace").replace("▁", " ")
        if kind is not None and proto[kind] == _USER_DEFINED and name.strip():
            changed[kind] = _UNUSED
            found[id_] = name
    return bytes(changed), found


def _fields(proto: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each field's number, and where its value begins and ends."""
    while at < end:
        key, at = _varint(proto, at)
        start, wire_type = at, key & 7
        if wire_type == _VARINT:
            _, at = _varint(proto, at)
        elif wire_type == _LENGTH:
            length, start = _varint(proto, at)
            at = start + length
        elif wire_type in _BYTES_OF_TYPE:
            at += _BYTES_OF_TYPE[wire_type]
        else:
            raise ValueError("The SentencePiece model has a field of an unknown type.")
        yield key >> 3, start, at


def _varint(proto: bytes, at: int) -> tuple[int, int]:
    """A number in base 128, the lowest digits first, and where it ends."""
    number = shift = 0
    while True:
        if at >= len(proto):
            raise ValueError("The SentencePiece model ends too early.")
        byte = proto[at]
        number |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            return number, at
