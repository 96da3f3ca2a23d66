"""What a tokenizer.json says, if it is one of the known pipelines.

The file describes a pipeline of the `tokenizers` package: normalizer, pre-tokenizer,
BPE model, post-processor, decoder. Byte-level BPE and SentencePiece's BPE, as that
package writes them, are known here by their parts; any other part is refused by name.

One difference is kept: a text that itself begins with a space gets another one in front
from SentencePiece, whose model this is, but none from the package's "Metaspace".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from playground.presets.errors import listed, shown
from playground.presets.vocabulary import AddedToken, added_token
from playground.tokenizers.word_patterns import (
    PRE_TOKENIZERS,
    PreTokenizer,
    name_of_pattern,
)

_SPACE = "▁"
_LONGEST_TOKEN = 1000  # characters; the longest real ones have some hundreds
_DIGITS = {"type": "Digits", "individual_digits": True}
_SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}
_PREPEND = {"type": "Prepend", "prepend": _SPACE}
_REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
_METASPACES = [
    {
        "type": "Metaspace",
        "replacement": _SPACE,
        "prepend_scheme": scheme,
        "split": False,
    }
    for scheme in ("never", "first", "always")
]
# Parts that are fine while they say that a thing is absent.
_OFF = (None, False, "")
_OF_THE_WHOLE = frozenset([
    "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
    "post_processor", "decoder", "model",
])  # fmt: skip
_OF_THE_MODEL = frozenset([
    "type", "vocab", "merges", "unk_token", "byte_fallback", "fuse_unk",
    "ignore_merges",
])  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TokenizerJSON:
    """The parts that differ between models.

    Attributes:
        tokens: Id -> token, without the added ones that lie beyond.
        merges: Pairs of tokens, the first learnt first.
        pre_tokenizer: How byte-level BPE cuts words; None with SentencePiece's BPE.
        ignore_merges: Whether a word that is a token needs no merges.
        add_space_prefix: Whether a text gets a space in front.
        space_after_special: Whether it also gets one after a special token.
        unknown_token: As the vocabulary spells it, or None.
        added: Added tokens.
        adds_start_token: Whether a text gets the start token in front.
    """

    tokens: dict[int, str]
    merges: list[tuple[str, str]]
    pre_tokenizer: PreTokenizer | None
    ignore_merges: bool
    add_space_prefix: bool
    space_after_special: bool
    unknown_token: str | None
    added: list[AddedToken]
    adds_start_token: bool


def parse_tokenizer_json(values: Mapping[str, Any]) -> TokenizerJSON:
    """The known parts of a tokenizer.json.

    Raises:
        ValueError: All parts that are not known, or damaged.
    """
    model = values.get("model")
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE":
        kind = model.get("type") if isinstance(model, dict) else model
        raise ValueError(f"its model is {shown(kind)}; BPE is supported")
    faults = _unknown_parts(values, model)
    pre_tokenizer, add_space_prefix = _pipeline(values, model, faults)
    adds_start_token = _adds_start_token(values.get("post_processor"), faults)
    if faults:
        raise ValueError(f"these parts are not supported:{listed(faults)}")
    return TokenizerJSON(
        tokens=_tokens(model),
        merges=[_pair(merge) for merge in _list(model, "merges")],
        pre_tokenizer=pre_tokenizer,
        ignore_merges=model.get("ignore_merges") is True,
        add_space_prefix=add_space_prefix,
        space_after_special=values.get("pre_tokenizer") != _METASPACES[1],
        unknown_token=_unknown_token(model),
        added=added_tokens(values),
        adds_start_token=adds_start_token,
    )


def _unknown_parts(values: Mapping[str, Any], model: Mapping[str, Any]) -> list[str]:
    unknown = {key: part for key, part in values.items() if key not in _OF_THE_WHOLE}
    unknown |= {
        f"model.{key}": part for key, part in model.items() if key not in _OF_THE_MODEL
    }
    return [
        f"{shown(key)} = {shown(part)}"
        for key, part in unknown.items()
        if part not in _OFF
    ]


def _pipeline(
    values: Mapping[str, Any], model: Mapping[str, Any], faults: list[str]
) -> tuple[PreTokenizer | None, bool]:
    """How words are cut (None: by SentencePiece), and whether a space comes first."""
    normalizer, words = values.get("normalizer"), values.get("pre_tokenizer")
    if model.get("byte_fallback") is True and model.get("ignore_merges") is not True:
        if words is None and (steps := _steps(normalizer, "normalizers")):
            if steps in ([_PREPEND, _REPLACE], [_REPLACE]):
                return None, steps[0] == _PREPEND
        elif normalizer is None and words in _METASPACES:
            return None, words != _METASPACES[0]
    elif normalizer is None and (name := _name_of(_steps(words, "pretokenizers"))):
        return name, False
    faults.append(
        f"normalizer = {shown(normalizer)} with pre_tokenizer = {shown(words)} and "
        f"byte_fallback = {shown(model.get('byte_fallback'))}; byte-level words as in "
        f"{', '.join(PRE_TOKENIZERS)} are supported, and SentencePiece's"
    )
    return None, False


def _steps(part: Any, key: str) -> list[Any]:
    """The members of a sequence; a single part is a sequence of one."""
    if isinstance(part, dict) and part.get("type") == "Sequence":
        steps = part.get(key)
        return steps if isinstance(steps, list) else [steps]
    return [] if part is None else [part]


def _name_of(steps: list[Any]) -> PreTokenizer | None:
    """Which pre-tokenizer these steps are, if they are one that is known."""
    match steps:
        case [dict() as last] if _is_byte_level(last, use_regex=True):
            return "gpt-2"
        case [first, dict() as last] if _is_byte_level(last, use_regex=True):
            return "smollm" if first == _DIGITS else None
        case [{"pattern": {"Regex": pattern}} as first, dict() as last] if (
            _is_byte_level(last, use_regex=False)
            and first == {**_SPLIT, "pattern": {"Regex": pattern}}
        ):
            return name_of_pattern(pattern)
    return None


def _is_byte_level(part: Mapping[str, Any], use_regex: bool) -> bool:
    known = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": use_regex}
    return {"use_regex": True, **part} == {
        "trim_offsets": part.get("trim_offsets"),  # where a word lies in the text
        **known,
    }


def _adds_start_token(part: Any, faults: list[str]) -> bool:
    """Whether the post-processor puts one token before the text, and none after."""
    adds = False
    for step in _steps(part, "processors"):
        kind = step.get("type") if isinstance(step, dict) else step
        template = step.get("single") if kind == "TemplateProcessing" else None
        match template:
            case [{"SpecialToken": _}, {"Sequence": _}]:
                adds = True
            case [{"Sequence": _}]:
                pass
            case None if kind == "ByteLevel":
                pass
            case _:
                faults.append(f"post_processor = {shown(step)}")
    return adds


def _tokens(model: Mapping[str, Any]) -> dict[int, str]:
    vocabulary = model.get("vocab")
    if not isinstance(vocabulary, dict) or not vocabulary:
        raise ValueError("model.vocab must be an object of tokens and ids")
    if not all(type(id_) is int and id_ >= 0 for id_ in vocabulary.values()):
        raise ValueError("the ids in model.vocab must be whole numbers from 0")
    if (longest := max(map(len, vocabulary))) > _LONGEST_TOKEN:
        raise ValueError(
            f"model.vocab has a token of {longest:,} characters; at most "
            f"{_LONGEST_TOKEN:,} are supported"
        )
    tokens = {id_: token for token, id_ in vocabulary.items()}
    if len(tokens) != len(vocabulary):
        raise ValueError("model.vocab has two tokens with one id")
    return tokens


def _unknown_token(model: Mapping[str, Any]) -> str | None:
    token = model.get("unk_token")
    if token is not None and not isinstance(token, str):
        raise ValueError(f"model.unk_token must be a text, got {shown(token)}")
    return token


def added_tokens(values: Mapping[str, Any]) -> list[AddedToken]:
    """The added tokens of a tokenizer.json. Raises ValueError."""
    if values.get("added_tokens") is None:
        return []
    return [added_token(token) for token in _list(values, "added_tokens")]


def _list(values: Mapping[str, Any], key: str) -> list[Any]:
    found = values.get(key, [])
    if not isinstance(found, list):
        raise ValueError(f"{key} must be a list, got {shown(found)}")
    return found


def _pair(merge: Any) -> tuple[str, str]:
    """Written as "a b" or, since version 0.20 of the package, as ["a", "b"]."""
    parts = merge.split(" ") if isinstance(merge, str) else merge
    match parts:
        case [str() as left, str() as right] if left and right:
            return left, right
    raise ValueError(f"the merge {shown(merge)} is not two tokens")


def sentencepiece_scores(
    tokens: Sequence[str], merges: Sequence[tuple[str, str]]
) -> list[float]:
    """Scores with which SentencePiece joins what these merges join, in their order.

    SentencePiece joins any neighbours that are a token together; merges must be listed.
    So every way to make a token has to be listed, one after the other. Merges that make
    a special token never happen, as those are cut out of a text first.

    Args:
        tokens: Ordinary tokens only, neither special ones nor those for bytes.
        merges: Pairs of tokens, the first learnt first.

    Raises:
        ValueError: SentencePiece cannot do the same as these merges.
    """
    known = set(tokens)
    merges = [(a, b) for a, b in merges if {a, b, a + b} <= known]
    made = [token for token, _ in groupby(left + right for left, right in merges)]
    order = {token: place for place, token in enumerate(made)}
    cuts = ((token, at) for token in known for at in range(1, len(token)))
    possible = {
        (token[:at], token[at:])
        for token, at in cuts
        if token[:at] in known and token[at:] in known
    }
    if len(order) != len(made) or possible != set(merges):
        raise ValueError(
            "its merges are not those of a SentencePiece model. Add the "
            "tokenizer.model from which it was made to the folder"
        )
    return [-float(order.get(token, 0)) for token in tokens]
