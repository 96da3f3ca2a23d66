"""Mistral's tokenizer, over the `sentencepiece` package."""

import base64
import binascii
import codecs
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Self

from sentencepiece import SentencePieceProcessor

from playground.tokenizers.added_pieces import without_added_pieces
from playground.tokenizers.tokenizer import Tokenizer

_SPACE = "▁"  # U+2581, how pieces spell a space
# Behind a model it sets normalizer_spec.add_dummy_prefix (fields 3 and 3) to false.
_NO_SPACE_PREFIX = b"\x1a\x02\x18\x00"


class MistralTokenizer(Tokenizer):
    """A SentencePiece vocabulary, with keras-hub's signature.

    SentencePiece writes a space before a text and drops it when decoding; tokens for
    single bytes spell what no other token can. After a special token in a text, such a
    space is only written where there is none: "[INST] hi" becomes "[INST]", "▁hi", as
    in mistral-common, and "[INST]hi" the same. User-defined pieces such as
    "<|im_start|>" are cut out like special tokens, as transformers and llama.cpp do.

    Args:
        proto: The serialized model as bytes, the same in base64 (longer than 2,048
            characters), or the path of such a file.
        start_token, end_token: How the vocabulary spells them.
        space_after_special: False if nothing is to be written there ("legacy": false in
            transformers, for models that were tuned that way).
        pad_token_id, stop_token_ids, add_start_token, chat_template: See `Tokenizer`.

    Raises:
        ValueError: Not a SentencePiece model, or one without those two tokens.
        OSError: The file cannot be read.
    """

    def __init__(
        self,
        proto: str | bytes | PathLike[str],
        *,
        start_token: str = "<s>",
        end_token: str = "</s>",
        space_after_special: bool = True,
        pad_token_id: int | None = 0,
        stop_token_ids: Iterable[int] = (),
        add_start_token: bool = True,
        chat_template: str | None = None,
    ) -> None:
        self._proto = _proto_bytes(proto)
        self._pieces = _processor(self._proto)
        without, self._added_pieces = without_added_pieces(self._proto)
        if self._added_pieces:
            self._pieces = _processor(without)
        ids = range(self._pieces.get_piece_size())
        tokens = [self._pieces.id_to_piece(id_) for id_ in ids]
        for token in (start_token, end_token):
            if token not in tokens:
                raise ValueError(
                    f"The SentencePiece model has no token {token!r}. Mistral models "
                    "have '<s>' and '</s>'; name yours as start_token and end_token."
                )
        super().__init__(
            tokens,
            start_token_id=tokens.index(start_token),
            end_token_id=tokens.index(end_token),
            pad_token_id=pad_token_id,
            special_token_ids=(id_ for id_ in ids if self._pieces.is_control(id_)),
            user_token_ids=self._added_pieces,
            stop_token_ids=stop_token_ids,
            add_start_token=add_start_token,
            chat_template=chat_template,
        )
        self._space_after_special = space_after_special
        self._find_out_about_leading_spaces()

    @property
    def proto(self) -> bytes:
        """The serialized SentencePiece model."""
        return self._proto

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; `proto` in base64."""
        assert self.start_token_id is not None
        assert self.end_token_id is not None
        return {
            "proto": base64.b64encode(self.proto).decode(),
            "start_token": self._tokens[self.start_token_id],
            "end_token": self._tokens[self.end_token_id],
            "space_after_special": self._space_after_special,
            **self._common_config(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The tokenizer that `get_config` told of; its `proto` is never a path."""
        try:
            proto = base64.b64decode(config["proto"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise ValueError(
                "A tokenizer's config holds its SentencePiece model in base64, and "
                f"this one does not ({error})."
            ) from error
        return cls(**{**config, "proto": proto})

    def _find_out_about_leading_spaces(self) -> None:
        """The package does not tell its settings, so some pieces are decoded."""
        spaced = [id_ for id_, token in enumerate(self._tokens) if token[:1] == _SPACE]
        spaced = [id_ for id_ in spaced if self._is_text(id_)]
        self._drops_leading_space = any(
            len(self._pieces.decode([id_])) < len(self._tokens[id_])
            for id_ in spaced[:1]
        )
        bare = self._ids.get(_SPACE)
        if bare in spaced:
            self.drops_all_leading_spaces = self._pieces.decode([bare, bare]) == ""

    def _added_text(self, token_id: int) -> str:
        return self._added_pieces[token_id]

    def _is_text(self, id_: int) -> bool:
        """Whether the token stands for the characters that it is spelt with."""
        pieces = self._pieces
        return not (
            pieces.is_control(id_) or pieces.is_unknown(id_) or pieces.is_byte(id_)
        )

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._pieces.encode(text, out_type=int)
        return ids

    def _encode_after_special(self, text: str) -> list[int]:
        if self._space_after_special and not text.startswith(" "):
            return self._encode(text)
        ids: list[int] = self._pieces_as_they_are.encode(text, out_type=int)
        return ids

    @cached_property
    def _pieces_as_they_are(self) -> SentencePieceProcessor:
        """The same model, which writes no space before a text."""
        return _processor(self._pieces.serialized_model_proto() + _NO_SPACE_PREFIX)

    def detokenize(self, token_ids: Sequence[int]) -> str:
        known = [self._check(id_) for id_ in token_ids]
        silent = self.special_token_ids & self.user_token_ids
        text: str = self._pieces.decode([id_ for id_ in known if id_ not in silent])
        return text

    def token_bytes(self, token_id: int, *, at_start: bool = False) -> bytes:
        token_id = self._check(token_id)
        token = self._tokens[token_id]
        if token_id in self.special_token_ids:
            return b""
        if self._pieces.is_byte(token_id):
            return bytes.fromhex(token[3:5])  # "<0x0A>"
        if self._pieces.is_unknown(token_id):
            return self.detokenize([token_id]).encode()
        if at_start and self._drops_leading_space:
            token = token.removeprefix(_SPACE)
        return token.replace(_SPACE, " ").encode()

    def joins_bytes(self, token_id: int) -> bool:
        """Only the tokens for single bytes hold less than a character."""
        return bool(self._pieces.is_byte(self._check(token_id)))

    def utf8_decoder(self) -> codecs.IncrementalDecoder:
        """One U+FFFD for each byte that is not UTF-8, as SentencePiece has it."""
        codecs.register_error("one_mark_each_byte", _one_mark_each_byte)
        return codecs.getincrementaldecoder("utf-8")(errors="one_mark_each_byte")

    def token_to_id(self, token: str) -> int:
        """The id of a token; as in keras-hub, the unknown token's if there is none."""
        return self._ids.get(token, int(self._pieces.unk_id()))


def _one_mark_each_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd", error.start + 1


def _proto_bytes(proto: str | bytes | PathLike[str]) -> bytes:
    if isinstance(proto, bytes):
        return proto
    if isinstance(proto, str) and len(proto) > 2048:
        try:
            return base64.b64decode(proto, validate=True)
        except binascii.Error:
            pass
    return Path(proto).read_bytes()


def _processor(proto: bytes) -> SentencePieceProcessor:
    try:
        return SentencePieceProcessor(model_proto=proto)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"Not a SentencePiece model: {error}") from error
