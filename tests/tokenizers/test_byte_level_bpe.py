"""Byte-level BPE, worked out by hand on a vocabulary of five merges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.tokenizers import ByteLevelBPETokenizer
from playground.tokenizers.byte_level_bpe import byte_letters
from playground.tokenizers.word_patterns import PRE_TOKENIZERS, word_cutter

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


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-2", "don 't ĠSTOP ĠMcNemo 123456 ĠĠ Ċ ' S"),
        ("smollm", "don 't ĠSTOP ĠMcNemo 1 2 3 4 5 6 ĠĠ Ċ ' S"),
        ("llama-bpe", "don 't ĠSTOP ĠMcNemo 123 456 ĠĠĊ 'S"),
        ("qwen2", "don 't ĠSTOP ĠMcNemo 1 2 3 4 5 6 ĠĠĊ 'S"),
        ("tekken", "don 't ĠSTOP ĠMc Nemo 1 2 3 4 5 6 ĠĠĊ 'S"),
    ],
)
def test_words_worked_out_by_hand(name, words):
    cut = word_cutter(name).pre_tokenize_str("don't STOP McNemo123456  \n'S")
    assert " ".join(word for word, _ in cut) == words


def test_an_unknown_pre_tokenizer_is_refused_by_name(make_bpe):
    with pytest.raises(ValueError, match="llama-bpe, qwen2, tekken, got viking"):
        make_bpe(pre_tokenizer="viking")


def test_a_word_may_be_a_token_without_merges():
    tokens = [*byte_letters(), "low"]
    assert ByteLevelBPETokenizer(tokens, []).tokenize("low")[0] != 256
    whole = ByteLevelBPETokenizer(tokens, [], ignore_merges=True)
    assert whole.tokenize("low") == [256]


def test_a_special_token_may_be_spelt_like_another():
    tokens = ["low", *byte_letters(), "low"]
    tokenizer = ByteLevelBPETokenizer(
        tokens, [], special_token_ids=[0], ignore_merges=True
    )
    assert tokenizer.tokenize("low") == [257]
    assert tokenizer.tokenize("low", special=True) == [0]
    assert tokenizer.token_to_id("low") == 0
    assert tokenizer.detokenize([0, 257]) == "low"


@pytest.mark.parametrize("special", [[], [0, 1]])
def test_a_token_twice_is_refused(special):
    tokens = ["low", "low", *byte_letters()]
    with pytest.raises(ValueError, match="a token twice"):
        ByteLevelBPETokenizer(tokens, [], special_token_ids=special)


@given(text=_TEXT)
def test_any_text_comes_back_unchanged(make_bpe, text):
    for pre_tokenizer in PRE_TOKENIZERS:
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
