"""Byte-level BPE, as GPT-2 has it, over the `tokenizers` package.

A text is cut into words by a pattern, each word's UTF-8 bytes become letters (one for
each byte, "Ġ" for the space), and pairs of letters are merged in the order learnt.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from tokenizers import Tokenizer as MergeTokenizer
from tokenizers import models

from playground.tokenizers.tokenizer import Tokenizer
from playground.tokenizers.word_patterns import PreTokenizer, word_cutter


class ByteLevelBPETokenizer(Tokenizer):
    """A vocabulary of byte-level tokens and their merges.

    Args:
        tokens: All tokens; a token's place is its id. Special ones are spelt as they
            are, the others in the letters of `byte_letters`. A special one may be
            spelt like another.
        merges: Pairs of tokens that are not special, the first learnt first.
        pre_tokenizer: How words are cut: "gpt-2", "smollm" (like it, each digit alone),
            "llama-bpe" (Llama 3), "qwen2" or "tekken" (Mistral, from Nemo on).
        ignore_merges: Whether a word that is a token is that token, even if no merges
            lead there.
        start_token_id: See `Tokenizer`, as for end_token_id, pad_token_id,
            special_token_ids, stop_token_ids, add_start_token and chat_template.
        user_token_ids: Ids of tokens that stand for the very text they are spelt with.

    Raises:
        ValueError: A merge of tokens that are not in the vocabulary, a token twice, no
            such pre-tokenizer.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        merges: Sequence[tuple[str, str]],
        *,
        pre_tokenizer: PreTokenizer = "gpt-2",
        ignore_merges: bool = False,
        start_token_id: int | None = None,
        end_token_id: int | None = None,
        pad_token_id: int | None = None,
        special_token_ids: Iterable[int] = (),
        user_token_ids: Iterable[int] = (),
        stop_token_ids: Iterable[int] = (),
        add_start_token: bool = False,
        chat_template: str | None = None,
    ) -> None:
        super().__init__(
            tokens,
            start_token_id=start_token_id,
            end_token_id=end_token_id,
            pad_token_id=pad_token_id,
            special_token_ids=special_token_ids,
            user_token_ids=user_token_ids,
            stop_token_ids=stop_token_ids,
            add_start_token=add_start_token,
            chat_template=chat_template,
        )
        self._pre_tokenizer = pre_tokenizer
        self._merges = [tuple(pair) for pair in merges]
        self._ignore_merges = ignore_merges
        self._letters = byte_letters()
        self._bytes = {letter: byte for byte, letter in enumerate(self._letters)}
        self._merger = self._build(merges, ignore_merges)
        self._merger.pre_tokenizer = word_cutter(pre_tokenizer)

    def get_config(self) -> dict[str, Any]:
        return {
            "tokens": self._tokens,
            "merges": [list(pair) for pair in self._merges],
            "pre_tokenizer": self._pre_tokenizer,
            "ignore_merges": self._ignore_merges,
            "start_token_id": self.start_token_id,
            "end_token_id": self.end_token_id,
            "special_token_ids": sorted(self.special_token_ids),
            "user_token_ids": sorted(self.user_token_ids),
            **self._common_config(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        merges = [tuple(pair) for pair in config["merges"]]
        return cls(**{**config, "merges": merges})

    def _build(
        self, merges: Sequence[tuple[str, str]], ignore_merges: bool
    ) -> MergeTokenizer:
        """What merges letters; it knows no added token, so no text can spell one."""
        special = {self._tokens[id_] for id_ in self.special_token_ids}
        vocabulary = {
            token: id_
            for id_, token in enumerate(self._tokens)
            if id_ not in self.special_token_ids
        }
        if len(special) + len(vocabulary) != len(self._tokens):
            raise ValueError("The vocabulary has a token twice.")
        merged = {token for pair in merges for token in (*pair, "".join(pair))}
        for id_ in self.user_token_ids - self.special_token_ids:
            if self._tokens[id_] not in merged:
                del vocabulary[self._tokens[id_]]
        try:
            model = models.BPE(vocabulary, list(merges), ignore_merges=ignore_merges)
        except Exception as error:  # the package raises nothing narrower
            raise ValueError(
                f"The merges do not fit the vocabulary: {error}"
            ) from error
        return MergeTokenizer(model)

    def _encode(self, text: str) -> list[int]:
        self._refuse_missing_bytes(text)
        ids: list[int] = self._merger.encode(text, add_special_tokens=False).ids
        return ids

    def _refuse_missing_bytes(self, text: str) -> None:
        """The package would leave them out without a word."""
        missing = [b for b in set(text.encode()) if self._letters[b] not in self._ids]
        for character in sorted(set(text)) if missing else ():
            if set(character.encode()).intersection(missing):
                raise ValueError(
                    f"The character U+{ord(character):04X} cannot be written in this "
                    "model's vocabulary. Remove it."
                )

    def detokenize(self, token_ids: Sequence[int]) -> str:
        return b"".join(map(self.token_bytes, token_ids)).decode(errors="replace")

    def token_bytes(self, token_id: int, *, at_start: bool = False) -> bytes:  # noqa: ARG002
        token_id = self._check(token_id)
        token = self._tokens[token_id]
        if token_id in self.special_token_ids:
            return b""
        if token_id in self.user_token_ids or not self._bytes.keys() >= set(token):
            return token.encode()
        return bytes(self._bytes[letter] for letter in token)


def byte_letters() -> list[str]:
    """The letter of each byte: itself where it prints, else one from U+0100 on.

    >>> letters = byte_letters()
    >>> letters[ord("a")], letters[ord(" ")], letters[0]
    ('a', 'Ġ', 'Ā')
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(b) if b in printable else chr(next(others)) for b in range(256)]
