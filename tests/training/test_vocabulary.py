"""The vocabulary: BPE with bytes, and every text comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.models import MistralTokenizer
from playground.training import Corpus
from playground.training.vocabulary import train_vocabulary


def test_it_has_mistrals_special_tokens_and_the_bytes(
    tokenizer: MistralTokenizer,
) -> None:
    assert tokenizer.vocabulary_size() == 300
    first = [tokenizer.id_to_token(id_) for id_ in range(5)]
    assert first == ["<unk>", "<s>", "</s>", "\n", "<0x00>"]
    assert tokenizer.special_token_ids == {1, 2}


def test_frequent_words_are_pieces() -> None:
    # Four letters, and three merges: th, the, ▁the.
    proto = train_vocabulary(["the the the the"], 4 + 256 + 4 + 3)
    tokenizer = MistralTokenizer(proto)
    ids = tokenizer.tokenize("the the")
    assert [tokenizer.id_to_token(id_) for id_ in ids] == ["the", "▁the"]


# SentencePiece reads U+2581, its sign for a space, as a space.
@given(st.text(st.characters(exclude_characters="▁", exclude_categories=["Cs"])))
def test_every_text_comes_back(tokenizer: MistralTokenizer, text: str) -> None:
    assert tokenizer.detokenize(tokenizer.tokenize(text)) == text


def test_a_line_is_spelt_alike_wherever_it_stands(tokenizer: MistralTokenizer) -> None:
    line = "Now is the winter"
    ids = tokenizer.tokenize(line)
    newline = tokenizer.tokenize("\n")
    assert tokenizer.tokenize(f"{line}\n{line}") == [*ids, *newline, *ids]


def test_the_same_texts_give_the_same_vocabulary(
    corpus: Corpus, tokenizer: MistralTokenizer
) -> None:
    assert train_vocabulary(corpus.training.values(), 300) == tokenizer.proto


def test_texts_that_are_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="No vocabulary of 2000 pieces"):
        train_vocabulary(["to be or not to be"])
