"""The tokenizer in a Hugging Face folder.

`tokenizer.model` is SentencePiece's own file and `tekken.json` Mistral's own; what a
folder has of them comes first. `tokenizer.json` is read where it is alone: beside the
others it is a conversion of theirs, and some are known to cut words differently. But
whoever tunes a model adds tokens there, so it says which there are, and what reserved
ones are called. Which tokens start and end a text, and the chat template, lie in other
files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playground.presets.errors import LoadError, shown
from playground.presets.huggingface.tekken_json import parse_tekken_json
from playground.presets.huggingface.tokenizer_json import (
    TokenizerJSON,
    added_tokens,
    parse_tokenizer_json,
    sentencepiece_scores,
)
from playground.presets.json_file import (
    read_json,
    read_optional_json,
    read_small_file,
    read_text,
)
from playground.presets.sentencepiece_proto import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    sentencepiece_proto,
    with_space_prefix,
)
from playground.presets.vocabulary import (
    AddedToken,
    added_token,
    complete,
    ends_by_name,
    extended_proto,
)
from playground.tokenizers import ByteLevelBPETokenizer, MistralTokenizer, Tokenizer
from playground.tokenizers.builtin_templates import BUILT_IN

_BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]


@dataclass(frozen=True, kw_only=True)
class _Folder:
    """The small files of a folder; an absent one is empty."""

    path: Path
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    settings: Mapping[str, Any]  # tokenizer_config.json
    vocabulary_size: int


def tokenizer_from_folder(
    path: Path, config: Mapping[str, Any], vocabulary_size: int
) -> Tokenizer:
    """Builds the folder's tokenizer.

    Args:
        path: The folder.
        config: What its config.json holds.
        vocabulary_size: Rows of the embedding. Ids for which there is no token get
            special ones without text.

    Raises:
        LoadError: No tokenizer, one that is not supported, or damaged files.
    """
    folder = _Folder(
        path=path,
        config=config,
        generation=read_optional_json(path / "generation_config.json"),
        settings=read_optional_json(path / "tokenizer_config.json"),
        vocabulary_size=vocabulary_size,
    )
    try:
        if (path / "tokenizer.model").is_file():
            return _from_model(folder, path / "tokenizer.model")
        if (path / "tekken.json").is_file():
            return _from_tekken(folder)
        if versions := sorted(path.glob("tokenizer.model.v*")):
            return _from_model(folder, versions[-1])
        if (path / "tokenizer.json").is_file():
            return _from_json(folder)
    except ValueError as error:
        raise LoadError(
            f"The tokenizer in {str(path)!r} cannot be used: {error}"
        ) from error
    raise LoadError(
        f"{str(path)!r} has no tokenizer that is supported: neither tokenizer.model, "
        "tekken.json nor tokenizer.json. Add one of them."
    )


def _from_model(folder: _Folder, file: Path) -> Tokenizer:
    """SentencePiece's file, with the tokens that were added to it later."""
    proto, tokens = extended_proto(
        read_small_file(file),
        _added_tokens(folder),
        folder.vocabulary_size,
    )
    return _sentencepiece(folder, proto, tokens)


def _from_tekken(folder: _Folder) -> Tokenizer:
    """Mistral's own file, with the tokens that a fine-tune named or added.

    Words come from tekken.json, names of special and added tokens from tokenizer.json,
    if that has the same words; with others it is a tokenizer of its own, and counts.
    """
    found = parse_tekken_json(read_json(folder.path / "tekken.json"))
    num_special = found.num_special_tokens
    own = dict(enumerate(found.tokens))
    if not _has_these_words(folder, dict(list(own.items())[num_special:])):
        return _from_json(folder)
    added = {token.id: token for token in _added_tokens(folder)}
    own |= {id_: token.text for id_, token in added.items() if id_ < num_special}
    tokens = complete(own, _added_tokens(folder), folder.vocabulary_size)
    words = {id_ for id_, token in added.items() if not token.special}
    ordinary = range(num_special, len(found.tokens))
    special = set(range(len(tokens))) - set(ordinary) - words
    # A special token may be spelt like a word; then its name is meant.
    names = ["" if id_ in ordinary else token for id_, token in enumerate(tokens)]
    return ByteLevelBPETokenizer(
        tokens,
        found.merges,
        pre_tokenizer=found.pre_tokenizer,
        ignore_merges=True,
        start_token_id=_id(folder, names, "bos", default="<s>"),
        end_token_id=_id(folder, names, "eos", default="</s>"),
        pad_token_id=_id(folder, names, "pad", default="<pad>"),
        special_token_ids=special,
        user_token_ids=words,
        stop_token_ids=_stop_token_ids(folder, names),
        add_start_token=_adds_start_token(folder, True),
        chat_template=_chat_template(folder),
    )


def _has_these_words(folder: _Folder, words: Mapping[int, str]) -> bool:
    """Whether a tokenizer.json, if there is one, has each of these under its id."""
    model = read_optional_json(folder.path / "tokenizer.json").get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict):
        return True
    return all(vocabulary.get(word) == id_ for id_, word in words.items())


def _from_json(folder: _Folder) -> Tokenizer:
    found = parse_tokenizer_json(read_json(folder.path / "tokenizer.json"))
    found = replace(found, added=_within(folder, found.added))
    tokens = complete(found.tokens, found.added, folder.vocabulary_size)
    if found.pre_tokenizer is None:
        proto = _proto(found, tokens)
        return _sentencepiece(
            folder,
            proto,
            tokens,
            adds_start_token=found.adds_start_token,
            space_after_special=found.space_after_special,
        )
    start, end = (_id(folder, tokens, name) for name in ("bos", "eos"))
    return ByteLevelBPETokenizer(
        tokens,
        found.merges,
        pre_tokenizer=found.pre_tokenizer,
        ignore_merges=found.ignore_merges,
        start_token_id=start,
        end_token_id=end,
        pad_token_id=_id(folder, tokens, "pad"),
        special_token_ids=_special_ids(found, tokens),
        user_token_ids=[token.id for token in found.added if not token.special],
        stop_token_ids=_stop_token_ids(folder, tokens),
        add_start_token=_adds_start_token(folder, found.adds_start_token),
        chat_template=_chat_template(folder),
    )


def _sentencepiece(
    folder: _Folder,
    proto: bytes,
    tokens: list[str],
    *,
    adds_start_token: bool = True,
    space_after_special: bool = True,
) -> Tokenizer:
    start, end = (_id(folder, tokens, name) for name in ("bos", "eos"))
    legacy = folder.settings.get("legacy")
    if isinstance(adds_space := folder.settings.get("add_prefix_space"), bool):
        proto = with_space_prefix(proto, adds_space)
    return MistralTokenizer(
        proto,
        start_token="<s>" if start is None else tokens[start],
        end_token="</s>" if end is None else tokens[end],
        space_after_special=legacy if isinstance(legacy, bool) else space_after_special,
        pad_token_id=_id(folder, tokens, "pad"),
        stop_token_ids=_stop_token_ids(folder, tokens),
        add_start_token=_adds_start_token(folder, adds_start_token),
        chat_template=_chat_template(folder),
    )


def _within(folder: _Folder, added: list[AddedToken]) -> list[AddedToken]:
    """Those that the embedding has a row for; the model knows no other."""
    return [token for token in added if token.id < folder.vocabulary_size]


def _added_tokens(folder: _Folder) -> list[AddedToken]:
    """From the first place that has them; they are the same in all."""
    return _within(folder, _all_added_tokens(folder))


def _all_added_tokens(folder: _Folder) -> list[AddedToken]:
    whole = read_optional_json(folder.path / "tokenizer.json")
    if "added_tokens" in whole:
        return added_tokens(whole)
    if "added_tokens_decoder" in folder.settings:
        return _by_id(folder.settings["added_tokens_decoder"])
    ids = read_optional_json(folder.path / "added_tokens.json")
    return [
        added_token({"id": id_, "content": text, "special": True})
        for text, id_ in ids.items()
    ]


def _by_id(tokens: Any) -> list[AddedToken]:
    if not isinstance(tokens, dict) or not all(map(str.isdecimal, tokens)):
        raise ValueError("added_tokens_decoder must be an object of ids and tokens")
    return [
        added_token({**token, "id": int(id_)} if isinstance(token, dict) else token)
        for id_, token in tokens.items()
    ]


def _special_ids(found: TokenizerJSON, tokens: list[str]) -> set[int]:
    known = found.tokens.keys() | {token.id for token in found.added}
    special = {token.id for token in found.added if token.special}
    return special | (set(range(len(tokens))) - known)


def _proto(found: TokenizerJSON, tokens: list[str]) -> bytes:
    """The SentencePiece model that splits texts as this tokenizer.json does."""
    ids = {token: id_ for id_, token in enumerate(tokens)}
    kinds = [NORMAL] * len(tokens)
    for id_ in _special_ids(found, tokens):
        kinds[id_] = CONTROL
    for added in found.added:
        if not added.special:
            kinds[added.id] = USER_DEFINED
    # With a token for each byte none is unknown, but SentencePiece wants that token.
    unknown = found.unknown_token or "<unk>"
    for token, kind in [*((byte, BYTE) for byte in _BYTE_TOKENS), (unknown, UNKNOWN)]:
        if token not in ids:
            raise ValueError(f"it has no token {shown(token)}")
        kinds[ids[token]] = kind
    normal = [
        token for token, kind in zip(tokens, kinds, strict=True) if kind == NORMAL
    ]
    scores = dict(zip(normal, sentencepiece_scores(normal, found.merges), strict=True))
    return sentencepiece_proto(
        tokens,
        [scores.get(token, 0.0) for token in tokens],
        kinds,
        add_space_prefix=found.add_space_prefix,
        remove_extra_spaces=False,
    )


def _id(folder: _Folder, tokens: list[str], name: str, default: str = "") -> int | None:
    """The id of the "bos", "eos" or "pad" token: as spelt, as numbered, the default."""
    spelt = folder.settings.get(f"{name}_token")
    if isinstance(spelt, dict):
        spelt = spelt.get("content")
    if spelt is not None:
        if name == "pad" and spelt not in tokens:
            return None  # it lies beyond the embedding, where nobody reads it
        if spelt not in tokens:
            raise ValueError(f"its {name}_token {shown(spelt)} is not in it")
        return tokens.index(spelt)
    if numbered := _numbered(folder, f"{name}_token_id"):
        return numbered[0]
    return tokens.index(default) if default in tokens else None


def _numbered(folder: _Folder, key: str) -> list[int]:
    """Ids under a key of generation_config.json, else config.json: one or several."""
    value = folder.generation.get(key)
    value = folder.config.get(key) if value is None else value
    ids = value if isinstance(value, list) else [] if value is None else [value]
    ids = [id_ for id_ in ids if id_ != -1]  # some programs write -1 for none
    size = folder.vocabulary_size
    if key == "pad_token_id":  # beyond the embedding it is never given to the model
        ids = [id_ for id_ in ids if type(id_) is int and id_ < size]
    for id_ in ids:
        if type(id_) is not int or not 0 <= id_ < size:
            raise ValueError(f"{key} must be ids below {size}, got {shown(value)}")
    return ids


def _stop_token_ids(folder: _Folder, tokens: list[str]) -> list[int]:
    """What the files say, and what its chat template writes to end a turn.

    Some files of fine-tunes name only the end of a text, "</s>", where the template
    ends each turn with "<|im_end|>".
    """
    template = _chat_template(folder) or ""
    ends = ends_by_name(tokens, range(len(tokens)))
    written = [id_ for id_ in ends if tokens[id_] in template]
    return [*_numbered(folder, "eos_token_id"), *written]


def _adds_start_token(folder: _Folder, default: bool) -> bool:
    if folder.settings.get("add_eos_token"):
        raise ValueError("add_eos_token = true would end every prompt; remove it")
    adds = folder.settings.get("add_bos_token")
    return adds if isinstance(adds, bool) else default


def _chat_template(folder: _Folder) -> str | None:
    """The one in a file of its own, or else the one named "default"."""
    file = folder.path / "chat_template.jinja"
    if file.is_file():
        return read_text(file)
    of_file = read_optional_json(folder.path / "chat_template.json")
    template = of_file.get("chat_template", folder.settings.get("chat_template"))
    if isinstance(template, list) and all(isinstance(t, dict) for t in template):
        template = {str(t.get("name")): t.get("template") for t in template}
    if isinstance(template, dict):
        template = template.get("default")
    if template is not None and not isinstance(template, str):
        raise ValueError("chat_template in tokenizer_config.json must be a text")
    return _mistrals_template(folder) if template is None else template


def _mistrals_template(folder: _Folder) -> str | None:
    """Mistral's own folders have none: it follows from their tokenizer's version."""
    if not (folder.path / "params.json").is_file():
        return None
    if (folder.path / "tekken.json").is_file():
        config = read_json(folder.path / "tekken.json").get("config")
        version = config.get("version") if isinstance(config, dict) else None
        return BUILT_IN["mistral-v3-tekken" if version == "v3" else "mistral-v7-tekken"]
    versions = sorted(path.suffix for path in folder.path.glob("tokenizer.model.v*"))
    last = versions[-1][:3] if versions else ".v1"
    return BUILT_IN[f"mistral-{last[1:]}" if last != ".v2" else "mistral-v1"]
