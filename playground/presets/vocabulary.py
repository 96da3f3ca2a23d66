"""Completes a vocabulary: tokens that were added to it, and rows without a token."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentencepiece import SentencePieceProcessor

from playground.presets.errors import listed, shown
from playground.presets.sentencepiece_proto import CONTROL, USER_DEFINED, piece

# The largest real vocabularies have 262,144 tokens; a list of 2**50 would fill memory.
_MOST_TOKENS = 1 << 20


# What ends a turn or a text, by the names that llama.cpp knows (llama-vocab.cpp), and
# in the last line those that its built-in templates write.
_ENDS = frozenset([
    "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|endoftext|>",
    "<|end_of_text|>", "</s>", "<eos>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
    "<end_of_turn>", "<end_of_utterance>", "<\uff5cend▁of▁sentence\uff5c>",
    "<|end_of_turn|>", "<|turn_end|>", "<|EOT|>",
])  # fmt: skip


def ends_by_name(tokens: Sequence[str], ids: Iterable[int]) -> list[int]:
    """Which of these tokens have a name that ends a turn."""
    return [id_ for id_ in ids if tokens[id_] in _ENDS]


@dataclass(frozen=True, kw_only=True)
class AddedToken:
    """A token that is found in a text before anything else."""

    id: int
    text: str
    special: bool


def added_token(token: Any) -> AddedToken:
    """An entry of `added_tokens`. Raises ValueError."""
    match token:
        case {"id": int() as id_, "content": str() as text} if id_ >= 0 and text:
            pass
        case _:
            raise ValueError(f"the added token {shown(token)} has no id or content")
    for flag in ("single_word", "lstrip", "rstrip"):
        if token.get(flag):
            raise ValueError(f"the added token {shown(text)} has {flag} = true")
    return AddedToken(id=id_, text=text, special=token.get("special") is True)


def complete(
    own: Mapping[int, str], added: list[AddedToken], vocabulary_size: int
) -> list[str]:
    """Id -> token, for every row of the embedding.

    A row without a token of its own gets "[PAD7]", which is special and has no text.

    Raises:
        ValueError: An id beyond the embedding, an id with two tokens, or more than
            2**20 ids.
    """
    if vocabulary_size > _MOST_TOKENS:
        raise ValueError(
            f"vocab_size is {vocabulary_size}; at most {_MOST_TOKENS:,} are supported"
        )
    tokens = dict(own)
    faults = []
    for token in added:
        if tokens.setdefault(token.id, token.text) != token.text:
            faults.append(
                f"the added token {shown(token.text)} has the id {token.id}, which is "
                f"{shown(tokens[token.id])}"
            )
    beyond = [id_ for id_ in tokens if id_ >= vocabulary_size]
    if beyond:
        faults.append(
            f"it has the id {max(beyond)}, but vocab_size is {vocabulary_size}"
        )
    if faults:
        raise ValueError(listed(faults))
    return [tokens.get(id_, f"[PAD{id_}]") for id_ in range(vocabulary_size)]


def extended_proto(
    proto: bytes, added: list[AddedToken], vocabulary_size: int
) -> tuple[bytes, list[str]]:
    """A SentencePiece model with a piece for every row of the embedding; its tokens.

    Raises:
        ValueError: No SentencePiece model, or as in `complete`.
    """
    try:
        pieces = SentencePieceProcessor(model_proto=proto)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"its SentencePiece model is damaged ({error})") from error
    own = {id_: pieces.id_to_piece(id_) for id_ in range(pieces.get_piece_size())}
    tokens = complete(own, added, vocabulary_size)
    words = {token.id for token in added if not token.special}
    more = range(len(own), len(tokens))
    kinds = [USER_DEFINED if id_ in words else CONTROL for id_ in more]
    proto += b"".join(
        piece(tokens[id_], kind) for id_, kind in zip(more, kinds, strict=True)
    )
    return proto, tokens
