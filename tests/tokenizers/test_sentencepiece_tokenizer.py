"""MistralTokenizer against the sentencepiece package itself."""

import base64
import re

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from playground.tokenizers import MistralTokenizer

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def tokenizer(protos):
    return MistralTokenizer(protos["like_mistral"])


@given(text=_TEXT)
def test_ids_and_text_are_the_packages_own(protos, tokenizer, text):
    original = sentencepiece.SentencePieceProcessor(model_proto=protos["like_mistral"])
    ids = original.encode(text)
    assert tokenizer.tokenize(text) == ids
    assert tokenizer(text) == ids
    assert tokenizer.detokenize(ids) == original.decode(ids)


@given(text=_TEXT)
def test_any_text_comes_back_from_a_vocabulary_with_bytes(tokenizer, text):
    # "▁" is how this vocabulary spells a space.
    assert tokenizer.detokenize(tokenizer.tokenize(text)) == text.replace("▁", " ")


def test_bytes_a_path_and_base64_give_the_same_tokenizer(protos, tmp_path):
    proto = protos["like_mistral"]
    path = tmp_path / "tokenizer.model"
    path.write_bytes(proto)
    encoded = base64.b64encode(proto).decode()
    assert len(encoded) > 2048
    for form in (proto, path, str(path), encoded):
        assert MistralTokenizer(form).vocabulary_size() == 310


def test_ids_have_keras_hubs_names(tokenizer):
    assert (tokenizer.start_token_id, tokenizer.end_token_id) == (1, 2)
    assert tokenizer.pad_token_id == 0
    assert tokenizer.special_token_ids == {1, 2}
    assert tokenizer.stop_token_ids == {2}
    assert tokenizer.id_to_token(1) == "<s>"
    assert tokenizer.token_to_id("</s>") == 2
    assert tokenizer.token_to_id("no such token") == 0
    assert tokenizer.add_start_token is True
    assert tokenizer.chat_template is None


def test_no_start_token_is_added(tokenizer):
    assert 1 not in tokenizer.tokenize("low")
    assert tokenizer.tokenize("") == []


def test_special_tokens_count_only_when_asked(tokenizer):
    plain = tokenizer.tokenize("<s>low</s>")
    assert not {1, 2} & set(plain)
    assert tokenizer.detokenize(plain) == "<s>low</s>"
    low = tokenizer.tokenize("low")
    assert tokenizer.tokenize("<s>low</s>", special=True) == [1, *low, 2]


@pytest.mark.parametrize(
    ("text", "always", "never"),
    [
        ("<s>low", "<s> ▁low", "<s> lo w"),
        ("<s> low", "<s> ▁low", "<s> ▁low"),
        ("<s>  low", "<s> ▁▁ lo w", "<s> ▁▁ lo w"),
        ("<s> </s>", "<s> ▁ </s>", "<s> ▁ </s>"),
        ("low</s>low", "▁low </s> ▁low", "▁low </s> lo w"),
        (" low", "▁▁ lo w", "▁▁ lo w"),
    ],
)
def test_a_space_after_a_special_token(protos, text, always, never):
    for space_after_special, tokens in [(True, always), (False, never)]:
        tokenizer = MistralTokenizer(
            protos["like_mistral"], space_after_special=space_after_special
        )
        ids = tokenizer.tokenize(text, special=True)
        assert [tokenizer.id_to_token(id_) for id_ in ids] == tokens.split(" ")


@given(parts=st.lists(st.sampled_from(["<s>", "</s>", "low", " ", "x", "é", "\n"])))
def test_without_a_space_in_front_there_is_none_after_special_tokens(protos, parts):
    tokenizer = MistralTokenizer(protos["no_prefix"])
    text = "".join(parts)
    ids = tokenizer.tokenize(text, special=True)
    expected = text.replace("<s>", "").replace("</s>", "")
    assert tokenizer.detokenize(ids) == expected


def test_bytes_of_each_kind_of_token(tokenizer):
    newline = tokenizer.token_to_id("<0x0A>")
    spaced = tokenizer.token_to_id("▁low")
    assert spaced
    assert tokenizer.token_bytes(newline) == b"\n"
    assert tokenizer.token_bytes(spaced) == b" low"
    assert tokenizer.token_bytes(spaced, at_start=True) == b"low"
    assert tokenizer.token_bytes(1) == b""
    assert tokenizer.token_bytes(0) == " ⁇ ".encode()


@pytest.mark.parametrize("bad", [-1, 310, 2**40])
def test_an_id_outside_the_vocabulary_is_refused(tokenizer, bad):
    for ask in (tokenizer.id_to_token, tokenizer.token_bytes, tokenizer.joins_bytes):
        with pytest.raises(ValueError, match=r"in \[0, 309\]"):
            ask(bad)
    with pytest.raises(ValueError, match=re.escape(f"got {bad}")):
        tokenizer.detokenize([1, bad])


def test_a_lone_surrogate_is_refused_with_its_place(tokenizer):
    with pytest.raises(ValueError, match=r"U\+D800\) at character 2"):
        tokenizer.tokenize("ab\ud800")


@pytest.mark.parametrize("proto", [b"", b"not a model", b"\x0a\x03abc" * 50])
def test_other_bytes_are_refused(proto):
    with pytest.raises(ValueError, match=r"SentencePiece model"):
        MistralTokenizer(proto)


def test_a_vocabulary_without_the_end_token_is_refused(protos):
    with pytest.raises(ValueError, match="has no token '<eot>'"):
        MistralTokenizer(protos["default"], end_token="<eot>")
