"""What a tekken.json says: Mistral's own file for byte-level BPE.

Ids begin with a block of special tokens; then come the others, as bytes, in the order
in which they were learnt. The file holds more of them than the model has. Merges are
not written down: any two neighbours that are a token together are joined, the token
that was learnt first before others.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from playground.presets.errors import listed, shown
from playground.tokenizers.byte_level_bpe import byte_letters
from playground.tokenizers.word_patterns import PreTokenizer, name_of_pattern

_MOST_BYTES = 1000  # of a token; the longest real one has 78
_OF_THE_WHOLE = frozenset([
    "config", "vocab", "special_tokens", "version", "type",
    "image", "multimodal", "audio", "model_settings_builder",  # not about text
])  # fmt: skip
_OF_THE_CONFIG = frozenset([
    "pattern", "num_vocab_tokens", "default_vocab_size", "default_num_special_tokens",
    "version",
])  # fmt: skip
# Up to version v7 the file does not name them (tekken.py in mistral-common).
_EARLY_SPECIAL_TOKENS = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]",
    "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]",
    "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
)  # fmt: skip
_EARLY_VERSIONS = ("v3", "v7")


@dataclass(frozen=True, kw_only=True)
class TekkenJSON:
    """The parts that differ between models.

    Attributes:
        tokens: All tokens, the special ones first.
        num_special_tokens: How many those are.
        merges: Pairs of tokens, the first learnt first.
        pre_tokenizer: How words are cut.
    """

    tokens: list[str]
    num_special_tokens: int
    merges: list[tuple[str, str]]
    pre_tokenizer: PreTokenizer


@dataclass(frozen=True)
class _Reader:
    """Reads the parts; a fault is noted, and stands as an empty value."""

    values: Mapping[str, Any]
    faults: list[str] = field(default_factory=list)

    def part(self, key: str, kind: type) -> Any:
        value = self.values.get(key)
        if isinstance(value, kind):
            return value
        word = "an object" if kind is dict else "a list"
        self.faults.append(f"{key} must be {word}, got {shown(value)}")
        return kind()

    def count(self, config: Mapping[str, Any], key: str) -> int:
        value = config.get(key)
        if type(value) is int and value > 0:
            return value
        self.faults.append(f"config.{key} must be at least 1, got {shown(value)}")
        return 0


def parse_tekken_json(values: Mapping[str, Any]) -> TekkenJSON:
    """The known parts of a tekken.json.

    Raises:
        ValueError: All parts that are not known, or damaged.
    """
    reader = _Reader(values)
    config, faults = reader.part("config", dict), reader.faults
    unknown = [key for key in values if key not in _OF_THE_WHOLE]
    unknown += [f"config.{key}" for key in config if key not in _OF_THE_CONFIG]
    faults += [f"{shown(key)} is not known" for key in unknown]
    pre_tokenizer = name_of_pattern(config.get("pattern"))
    if pre_tokenizer is None:
        faults.append(f"the pattern {shown(config.get('pattern'))} is not known")
    num_special = reader.count(config, "default_num_special_tokens")
    num_ordinary = reader.count(config, "default_vocab_size") - num_special
    ordinary = _ordinary_tokens(reader, num_ordinary)
    special = _special_tokens(reader, config.get("version"), num_special)
    if faults or pre_tokenizer is None:
        raise ValueError(f"tekken.json is damaged or not supported:{listed(faults)}")
    return TekkenJSON(
        tokens=special + ordinary,
        num_special_tokens=num_special,
        merges=merges_by_rank(ordinary),
        pre_tokenizer=pre_tokenizer,
    )


def _ordinary_tokens(reader: _Reader, count: int) -> list[str]:
    """The first `count` of the vocabulary, in the letters of bytes."""
    vocabulary, letters = reader.part("vocab", list), byte_letters()
    if not 256 <= count <= len(vocabulary):
        reader.faults.append(
            f"vocab has {len(vocabulary)} tokens, config asks for {count} and at least "
            "256 are needed"
        )
    tokens = []
    for rank, entry in enumerate(vocabulary[: max(count, 0)]):
        spelt = _bytes(entry, rank)
        if spelt is None or (rank < 256 and spelt != bytes([rank])):
            reader.faults.append(f"vocab[{rank}] must not be {shown(entry)}")
        else:
            tokens.append("".join(map(letters.__getitem__, spelt)))
    if len(set(tokens)) != len(tokens):
        reader.faults.append("vocab has a token twice")
    return tokens


def _bytes(entry: Any, rank: int) -> bytes | None:
    """The bytes of an entry, if it is the one of that rank and not damaged."""
    match entry:
        case {"rank": int() as found, "token_bytes": str() as encoded} if (
            found == rank and 0 < len(encoded) <= _MOST_BYTES * 4 // 3
        ):
            try:
                return base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                return None
    return None


def _special_tokens(reader: _Reader, version: Any, count: int) -> list[str]:
    """Those that the file names, then "<SPECIAL_20>" and so on."""
    named = list(_EARLY_SPECIAL_TOKENS)
    if reader.values.get("special_tokens") is not None:
        entries = reader.part("special_tokens", list)
        named = [_special_token(reader, *entry) for entry in enumerate(entries)]
    elif version not in _EARLY_VERSIONS:
        reader.faults.append(
            f"special_tokens are missing, which only versions "
            f"{' and '.join(_EARLY_VERSIONS)} may leave out, not {shown(version)}"
        )
    if len(named) > count or len(set(named)) != len(named):
        reader.faults.append(
            f"special_tokens has {len(named)} tokens, {len(set(named))} of them "
            f"different; config asks for {count}"
        )
    if count > 1 << 20:
        reader.faults.append(f"{count} special tokens are too many")
        return []
    return named + [f"<SPECIAL_{id_}>" for id_ in range(len(named), count)]


def _special_token(reader: _Reader, rank: int, entry: Any) -> str:
    match entry:
        case {"rank": int() as found, "token_str": str() as text} if found == rank:
            if text:
                return text
    reader.faults.append(f"special_tokens[{rank}] must not be {shown(entry)}")
    return f"<SPECIAL_{rank}>"


def merges_by_rank(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """All pairs that are a token together, in the order of these tokens.

    >>> merges_by_rank(["a", "b", "c", "bc", "abc"])
    [('b', 'c'), ('a', 'bc')]
    """
    ranks = {token: rank for rank, token in enumerate(tokens)}
    merges = []
    for token in tokens:
        cuts = ((token[:at], token[at:]) for at in range(1, len(token)))
        pairs = [(a, b) for a, b in cuts if a in ranks and b in ranks]
        merges += sorted(pairs, key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
    return merges
