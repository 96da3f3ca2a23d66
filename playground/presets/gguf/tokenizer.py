"""The tokenizer inside a GGUF file, by allow-list like the configuration."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from playground.presets.errors import LoadError, listed, shown
from playground.presets.gguf.file import GGUFFile
from playground.presets.sentencepiece_proto import (
    CONTROL,
    USER_DEFINED,
    sentencepiece_proto,
)
from playground.presets.vocabulary import ends_by_name
from playground.tokenizers import (
    ByteLevelBPETokenizer,
    MistralTokenizer,
    Tokenizer,
)
from playground.tokenizers.builtin_templates import BUILT_IN
from playground.tokenizers.word_patterns import PRE_TOKENIZERS, PreTokenizer

_KINDS = range(1, 7)
# What llama.cpp (llama-vocab.cpp) knows of pre-tokenizers: other names of them, and
# those that look a word up before they merge and put the start token before a text.
OTHER_NAMES: dict[str, PreTokenizer] = {
    "llama3": "llama-bpe",
    "llama-v3": "llama-bpe",
    "pixtral": "llama-bpe",
}
WHOLE_WORDS = ("llama-bpe", "tekken")

# fmt: off
_USED = frozenset([
    "model", "pre", "tokens", "token_type", "scores", "merges", "add_bos_token",
    "add_space_prefix", "remove_extra_whitespaces", "bos_token_id", "eos_token_id",
    "eot_token_id", "eom_token_id", "padding_token_id", "unknown_token_id",
    "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id",
])
# Names of special tokens that no decoder here asks for.
_HARMLESS = frozenset([
    "seperator_token_id", "cls_token_id", "mask_token_id", "prefix_token_id",
    "suffix_token_id", "middle_token_id", "fim_pre_token_id", "fim_suf_token_id",
    "fim_mid_token_id", "token_type_count",
])
# fmt: on
_ENDS = ("eot", "eom", "fim_pad", "fim_rep", "fim_sep")
_ONLY_FALSE = frozenset(["add_eos_token", "add_sep_token"])
_CHAT_TEMPLATE = "tokenizer.chat_template"


def tokenizer_from_metadata(file: GGUFFile) -> Tokenizer:
    """Builds the file's tokenizer.

    Raises:
        LoadError: A kind of tokenizer that is not supported, or damaged metadata.
    """
    _refuse_unknown_keys(file)
    try:
        match file.metadata.get("tokenizer.ggml.model"):
            case "gpt2":
                return _byte_level_bpe(file)
            case "llama":
                return _sentencepiece(file)
            case other:
                raise ValueError(
                    f"a tokenizer of the kind {shown(other)}; gpt2 (byte-level BPE) "
                    "and llama (SentencePiece) are supported"
                )
    except ValueError as error:
        raise LoadError(f"{file.path.name} cannot be tokenized for: {error}") from error


def _refuse_unknown_keys(file: GGUFFile) -> None:
    faults = []
    for key in (*file.metadata, *file.arrays):
        if not key.startswith("tokenizer.") or _is_template_or_copy(key):
            continue
        name, value = key.removeprefix("tokenizer.ggml."), file.metadata.get(key)
        if name in _ONLY_FALSE and value is False:
            continue
        if name not in _USED | _HARMLESS:
            said = "" if value is None else f" = {shown(value)}"
            faults.append(f"{shown(key)}{said} is not supported")
    if faults:
        raise LoadError(f"The tokenizer of {file.path.name}:{listed(faults)}")


def _is_template_or_copy(key: str) -> bool:
    """Other templates by name, and the same tokenizer in other programs' words."""
    return key.startswith(_CHAT_TEMPLATE) or key in (
        "tokenizer.huggingface.json",
        "tokenizer.rwkv.world",
    )


def _byte_level_bpe(file: GGUFFile) -> Tokenizer:
    pre_tokenizer = _pre_tokenizer(file)
    if _get(file, "add_space_prefix", bool, False):
        raise ValueError("add_space_prefix is only supported with SentencePiece")
    tokens = _strings(file, "tokens")
    kinds = _kinds(file, len(tokens))
    return ByteLevelBPETokenizer(
        tokens,
        [_pair(merge) for merge in _strings(file, "merges")],
        pre_tokenizer=pre_tokenizer,
        ignore_merges=pre_tokenizer in WHOLE_WORDS,
        start_token_id=_id(file, "bos", len(tokens)),
        end_token_id=_id(file, "eos", len(tokens)),
        pad_token_id=_id(file, "padding", len(tokens)),
        special_token_ids=_ids_of_kind(CONTROL, kinds),
        user_token_ids=_ids_of_kind(USER_DEFINED, kinds),
        stop_token_ids=_ends_of_turn(file, tokens, kinds),
        add_start_token=_get(file, "add_bos_token", bool, pre_tokenizer in WHOLE_WORDS),
        chat_template=_chat_template(file),
    )


def _pre_tokenizer(file: GGUFFile) -> PreTokenizer:
    given = file.metadata.get("tokenizer.ggml.pre")
    name = OTHER_NAMES.get(given, given) if isinstance(given, str) else None
    for known in PRE_TOKENIZERS:
        if name == known:
            return known
    raise ValueError(
        f"its pre-tokenizer is {shown(given)}; "
        f"{', '.join((*PRE_TOKENIZERS, *OTHER_NAMES))} are supported"
    )


def _sentencepiece(file: GGUFFile) -> Tokenizer:
    tokens = _strings(file, "tokens")
    start = _id(file, "bos", len(tokens), 1) or 0
    end = _id(file, "eos", len(tokens), 2) or 0
    kinds = _kinds(file, len(tokens))
    proto = sentencepiece_proto(
        tokens,
        _numbers(file, "scores", len(tokens), "f"),
        kinds,
        add_space_prefix=_get(file, "add_space_prefix", bool, True),
        remove_extra_spaces=_get(file, "remove_extra_whitespaces", bool, False),
    )
    return MistralTokenizer(
        proto,
        start_token=tokens[start],
        end_token=tokens[end],
        pad_token_id=_id(file, "padding", len(tokens)),
        stop_token_ids=_ends_of_turn(file, tokens, kinds),
        add_start_token=_get(file, "add_bos_token", bool, True),
        chat_template=_chat_template(file),
    )


def _get(file: GGUFFile, name: str, kind: type, default: Any) -> Any:
    value = file.metadata.get(f"tokenizer.ggml.{name}", default)
    if not isinstance(value, kind):
        raise ValueError(f"tokenizer.ggml.{name} must be {kind.__name__}")
    return value


def _strings(file: GGUFFile, name: str) -> list[str]:
    values = file.arrays.get(f"tokenizer.ggml.{name}")
    if not isinstance(values, list):
        raise ValueError(f"tokenizer.ggml.{name} must be a list of texts")
    return values


def _numbers(file: GGUFFile, name: str, count: int, kinds: str) -> list[Any]:
    """`count` numbers; `kinds` are the letters of the NumPy kinds that will do."""
    values = file.arrays.get(f"tokenizer.ggml.{name}")
    if (
        not isinstance(values, np.ndarray)
        or values.dtype.kind not in kinds
        or len(values) != count
    ):
        raise ValueError(f"tokenizer.ggml.{name} must be a list of {count} numbers")
    return list(values.tolist())


def _kinds(file: GGUFFile, count: int) -> list[int]:
    kinds = _numbers(file, "token_type", count, "iu")
    if not set(kinds) <= set(_KINDS):
        raise ValueError(
            f"tokenizer.ggml.token_type must be in 1..6, got {min(kinds)} to "
            f"{max(kinds)}"
        )
    return kinds


def _ids_of_kind(kind: int, kinds: Sequence[int]) -> list[int]:
    return [id_ for id_, found in enumerate(kinds) if found == kind]


def _id(
    file: GGUFFile, name: str, count: int, default: int | None = None
) -> int | None:
    id_ = file.metadata.get(f"tokenizer.ggml.{name}_token_id", default)
    if id_ is not None and not (isinstance(id_, int) and 0 <= id_ < count):
        raise ValueError(f"tokenizer.ggml.{name}_token_id must be below {count}")
    return id_


def _ends_of_turn(
    file: GGUFFile, tokens: Sequence[str], kinds: Sequence[int]
) -> list[int]:
    """Where llama.cpp ends an answer: tokens that the file says, and some by name."""
    ids = [_id(file, name, len(tokens)) for name in _ENDS]
    added = [*_ids_of_kind(CONTROL, kinds), *_ids_of_kind(USER_DEFINED, kinds)]
    return [id_ for id_ in ids if id_ is not None] + ends_by_name(tokens, added)


def _pair(merge: str) -> tuple[str, str]:
    left, space, right = merge.partition(" ")
    if not (left and space and right):
        raise ValueError(f"the merge {shown(merge)} is not two tokens")
    return left, right


def _chat_template(file: GGUFFile) -> str | None:
    """Jinja; where the file has a name, that of a template of llama.cpp's."""
    template = file.metadata.get(_CHAT_TEMPLATE)
    if template is not None and not isinstance(template, str):
        raise ValueError(f"{_CHAT_TEMPLATE} must be a text")
    if template is None or "{" in template:
        return template
    if template.strip() not in BUILT_IN:
        raise ValueError(
            f"{_CHAT_TEMPLATE} is {shown(template)}, which is neither a template nor "
            f"the name of one that is supported: {', '.join(BUILT_IN)}"
        )
    return BUILT_IN[template.strip()]
