"""What every tokenizer of this project does, under keras-hub's names."""

import operator
from abc import ABC, abstractmethod
from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from playground.system.progress import Progress, say_nothing
from playground.tokenizers.token_names import TokenNames, is_marker, joined

# Presets make tokenizers, so they lie above and are imported only when asked for.


class _PresetsProperty:
    """`MistralTokenizer.presets`: the built-in ones with such a tokenizer."""

    def __get__(self, instance: object, owner: type) -> dict[str, dict[str, Any]]:
        from playground.presets import presets_of

        return presets_of(owner)


class Tokenizer(ABC):
    """Text to token ids and back.

    Attributes:
        start_token_id: Id, or None if there is none.
        end_token_id: Id, or None if there is none.
        pad_token_id: Id, or None if there is none.
        special_token_ids: Ids that stand for no text, such as the start token.
        user_token_ids: Ids of added tokens: they are found in a text before anything
            else, as the very characters they stand for.
        stop_token_ids: Ids that end an answer: the end token, and the end of a turn
            where a chat model has one of its own.
        add_start_token: Whether a prompt begins with the start token. `tokenize` never
            adds it.
        chat_template: A Jinja template for conversations, or None.
    """

    special_token_ids: frozenset[int] = frozenset()
    _marks = TokenNames({})

    def __init__(
        self,
        tokens: Sequence[str],
        *,
        start_token_id: int | None,
        end_token_id: int | None,
        pad_token_id: int | None,
        special_token_ids: Iterable[int],
        user_token_ids: Iterable[int] = (),
        stop_token_ids: Iterable[int] = (),
        add_start_token: bool,
        chat_template: str | None,
    ) -> None:
        self._tokens = list(tokens)
        self._ids = {token: id_ for id_, token in enumerate(tokens)}
        self.start_token_id = start_token_id
        self.end_token_id = end_token_id
        self.pad_token_id = pad_token_id
        ends = () if end_token_id is None else (end_token_id,)
        self.stop_token_ids = frozenset((*ends, *stop_token_ids))
        self.user_token_ids = frozenset(user_token_ids)
        # An added token that ends an answer is not a part of its text.
        silent = self.stop_token_ids & self.user_token_ids
        self.special_token_ids = silent.union(special_token_ids)
        # A special token may be spelt like another; then its name is meant.
        self._ids |= {self._tokens[id_]: id_ for id_ in self.special_token_ids}
        self.add_start_token = add_start_token
        self.chat_template = chat_template
        for id_ in (start_token_id, end_token_id, pad_token_id, *stop_token_ids):
            if id_ is not None:
                self._check(id_)
        special = {self._tokens[id_]: id_ for id_ in self.special_token_ids}
        added = {self._added_text(id_): id_ for id_ in self.user_token_ids}
        words = {
            name: id_
            for name, id_ in added.items()
            if not is_marker(name) and id_ not in self.stop_token_ids
        }
        marks = {name: id_ for name, id_ in added.items() if name not in words}
        self._all = TokenNames(added | special)
        self._added = TokenNames(added)
        self._words = TokenNames(words)
        self._marks = TokenNames(marks | special)

    presets = _PresetsProperty()

    @classmethod
    def from_preset(
        cls,
        preset: str,
        *,
        report: Progress = say_nothing,
        **overrides: Any,
    ) -> Self:
        """The tokenizer of a preset; no weights are read or downloaded.

        Called on `Tokenizer`, it gives whichever the preset has.

        Args:
            preset: As in `MistralBackbone.from_preset`.
            report: Told what happens, and the fraction done in 0..1 or None.
            overrides: `add_start_token` or `chat_template`, instead of the preset's.

        Raises:
            LoadError: The preset cannot be loaded.
            ValueError: It has a tokenizer of another class.
            TypeError: Another override.
        """
        from playground.presets import describe

        tokenizer = describe(preset, report).tokenizer
        if not isinstance(tokenizer, cls):
            raise ValueError(
                f"{preset} has a {type(tokenizer).__name__}, not a {cls.__name__}. Use "
                "that class, or Tokenizer.from_preset, which gives either."
            )
        for name, value in overrides.items():
            if name not in ("add_start_token", "chat_template"):
                raise TypeError(
                    f"{name!r} cannot be overridden; add_start_token and chat_template "
                    "can."
                )
            setattr(tokenizer, name, value)
        return tokenizer

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        """The ids of a text, without a start or end token.

        Args:
            text: Any text without lone surrogates.
            special: Whether "<|im_start|>" in the text means that token (as in the
                output of a chat template) or just those characters (as in what a
                person typed).

        Raises:
            ValueError: The text has a lone surrogate, or a character for which the
                vocabulary has no tokens.
        """
        _refuse_surrogates(text)
        return self._ids_of((self._all if special else self._added).split(text))

    def split_marks(self, text: str) -> list[str | int]:
        """A text in pieces, ids where it spells a special token or a template's mark.

        Marks are added tokens such as "<|im_end|>"; added words stay in the text.
        """
        return list(self._marks.split(text))

    def mark_places(self, text: str) -> list[int]:
        """Where in a text such a token's name begins."""
        return list(self._marks.places(text))

    def tokenize_pieces(self, pieces: Iterable[str | int]) -> list[int]:
        """The ids of a text in which only ids stand for special tokens and marks.

        Text is tokenized as in the whole; "<|im_end|>" in it is just these characters.

        Raises:
            ValueError: As in `tokenize`.
        """
        parts = list(joined(pieces))
        _refuse_surrogates("".join(part for part in parts if isinstance(part, str)))
        words = (
            word
            for part in parts
            for word in ([part] if isinstance(part, int) else self._words.split(part))
        )
        return self._ids_of(words)

    def _ids_of(self, pieces: Iterable[str | int]) -> list[int]:
        ids: list[int] = []
        for piece in pieces:
            if isinstance(piece, int):
                ids.append(piece)
            else:
                ids += self._encode_after_special(piece) if ids else self._encode(piece)
        return ids

    __call__ = tokenize

    def _added_text(self, token_id: int) -> str:
        """The text for which an added token stands."""
        return self._tokens[token_id]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, vocabulary and all, as values fit for JSON.

        Raises ValueError for a caller's own class that has none.
        """
        raise ValueError(
            f"A {type(self).__name__} cannot be saved or copied: it has no "
            "`get_config`. Give it one that returns its constructor's arguments."
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The tokenizer that `get_config` told of. Raises as the constructor does."""
        return cls(**config)

    def __reduce__(self) -> Any:
        """For pickle and copies, which need no more than the config."""
        return type(self).from_config, (self.get_config(),)

    def _common_config(self) -> dict[str, Any]:
        ends = {self.end_token_id}
        return {
            "pad_token_id": self.pad_token_id,
            "stop_token_ids": sorted(self.stop_token_ids - ends),
            "add_start_token": self.add_start_token,
            "chat_template": self.chat_template,
        }

    @abstractmethod
    def _encode(self, text: str) -> list[int]:
        """The ids of a text that holds no added token."""

    def _encode_after_special(self, text: str) -> list[int]:
        """The same, where a special or added token precedes it."""
        return self._encode(text)

    @abstractmethod
    def detokenize(self, token_ids: Sequence[int]) -> str:
        """The text of some ids. Special tokens and broken characters aside, exact.

        Raises:
            ValueError: An id is not in the vocabulary.
        """

    @abstractmethod
    def token_bytes(self, token_id: int, *, at_start: bool = False) -> bytes:
        """The bytes that this token adds to a text; none for a special token.

        Args:
            token_id: In [0, vocabulary_size()).
            at_start: Whether nothing precedes it. Some tokenizers put a space before a
                text and take it away again here.
        """

    # How TextStream gets the same text as `detokenize`, token by token.

    drops_all_leading_spaces = False

    def joins_bytes(self, token_id: int) -> bool:
        """Whether this token may continue a character that another token began."""
        self._check(token_id)
        return True

    def utf8_decoder(self) -> IncrementalDecoder:
        """Makes text of bytes as they come; what is not UTF-8 becomes U+FFFD."""
        return getincrementaldecoder("utf-8")(errors="replace")

    def vocabulary_size(self) -> int:
        """How many ids there are."""
        return len(self._tokens)

    def id_to_token(self, token_id: int) -> str:
        """The token as the vocabulary spells it. Raises ValueError for a bad id."""
        return self._tokens[self._check(token_id)]

    def token_to_id(self, token: str) -> int:
        """The id of a token as the vocabulary spells it, or ValueError."""
        if token not in self._ids:
            raise ValueError(f"{token!r} is not a token of this vocabulary.")
        return self._ids[token]

    def _check(self, token_id: int) -> int:
        token_id = operator.index(token_id)
        if not 0 <= token_id < len(self._tokens):
            raise ValueError(
                f"Token ids must be in [0, {len(self._tokens) - 1}], got {token_id}."
            )
        return token_id


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The text has a lone surrogate (U+{ord(text[error.start]):04X}) at "
            f"character {error.start}: half of a character, which cannot be encoded. "
            "Remove it."
        ) from None
