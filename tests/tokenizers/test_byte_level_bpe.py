"""Byte-level BPE, worked out by hand on a vocabulary of five merges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.tokenizers import ByteLevelBPETokenizer
from playground.tokenizers.byte_level_bpe import byte_letters

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def _spelt(tokenizer, text, special=False):
    return [tokenizer.id_to_token(i) for i in tokenizer.tokenize(text, special)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("low", ["low"]),
        ("low low", ["low", "Ġlow"]),
        ("low  low", ["low", "Ġ", "Ġlow"]),
        ("é", ["Ã©"]),
        ("€", ["â", "Ĥ", "¬"]),
        ("\x00", ["Ā"]),
        ("", []),
    ],
)
def test_merges_worked_out_by_hand(make_bpe, text, tokens):
    assert _spelt(make_bpe(), text) == tokens


def test_smollm_splits_digits_and_gpt2_does_not(make_bpe):
    assert _spelt(make_bpe(), "12") == ["12"]
    assert _spelt(make_bpe(pre_tokenizer="smollm"), "12") == ["1", "2"]
    # The digit is cut off before the words are, so the spaces stay together.
    assert _spelt(make_bpe(pre_tokenizer="smollm"), "a  1") == ["a", "Ġ", "Ġ", "1"]


@given(text=_TEXT)
def test_any_text_comes_back_unchanged(make_bpe, text):
    for pre_tokenizer in ("gpt-2", "smollm"):
        tokenizer = make_bpe(pre_tokenizer=pre_tokenizer)
        ids = tokenizer.tokenize(text)
        assert tokenizer.detokenize(ids) == text
        assert b"".join(map(tokenizer.token_bytes, ids)) == text.encode()


def test_special_tokens_in_a_text_count_only_when_asked(make_bpe):
    tokenizer = make_bpe()
    text = "low<|end|> low<|user|><|end|>"
    assert not {0, 1} & set(tokenizer.tokenize(text))
    assert tokenizer.detokenize(tokenizer.tokenize(text)) == text
    expected = ["low", "<|end|>", "Ġlow", "<|user|>", "<|end|>"]
    assert _spelt(tokenizer, text, special=True) == expected
    assert tokenizer.detokenize(tokenizer.tokenize(text, special=True)) == "low low"


def test_the_longest_special_token_wins():
    tokens = ["<a>", "<a><b>", *byte_letters()]
    tokenizer = ByteLevelBPETokenizer(tokens, [], special_token_ids=[0, 1])
    assert tokenizer.tokenize("<a><b><a>", special=True) == [1, 0]


def test_a_character_without_tokens_is_refused_by_name():
    tokens = [letter for letter in byte_letters() if letter != byte_letters()[0xF3]]
    tokenizer = ByteLevelBPETokenizer(tokens, [])
    assert tokenizer.detokenize(tokenizer.tokenize("é😀")) == "é😀"
    with pytest.raises(ValueError, match=r"U\+E0041 cannot be written"):
        tokenizer.tokenize("ok \U000e0041")


def test_broken_bytes_become_replacement_characters(make_bpe):
    tokenizer = make_bpe()
    first = tokenizer.tokenize("€")[0]
    assert tokenizer.detokenize([first, *tokenizer.tokenize("low")]) == "\ufffdlow"


@pytest.mark.parametrize("bad", [-1, 263])
def test_a_bad_id_is_refused(make_bpe, bad):
    tokenizer = make_bpe()
    assert tokenizer.vocabulary_size() == 263
    for ask in (tokenizer.id_to_token, tokenizer.token_bytes):
        with pytest.raises(ValueError, match=r"in \[0, 262\]"):
            ask(bad)
    with pytest.raises(ValueError, match="not a token"):
        tokenizer.token_to_id("nothing")


def test_half_a_surrogate_pair_is_refused(make_bpe):
    with pytest.raises(ValueError, match="lone surrogate"):
        make_bpe().tokenize("\udc00")


def test_an_end_token_outside_the_vocabulary_is_refused(make_bpe):
    with pytest.raises(ValueError, match="got 300"):
        make_bpe(end_token_id=300)
