"""Streamed text is the whole text, whatever the ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.tokenizers import MistralTokenizer, TextStream

_KINDS = ["like_mistral", "default", "no_prefix", "byte_level"]
_NUMBERS = st.lists(st.integers(0, 10**6), max_size=40)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.fixture(scope="module")
def tokenizers(protos, make_bpe):
    found = {name: MistralTokenizer(proto) for name, proto in protos.items()}
    return found | {"byte_level": make_bpe()}


def _streamed(tokenizer, ids, context_ids=()):
    stream = TextStream(tokenizer, context_ids)
    return "".join(map(stream.push, ids)) + stream.flush()


@pytest.mark.parametrize("kind", _KINDS)
@given(numbers=_NUMBERS)
def test_the_stream_of_any_ids_is_their_text(tokenizers, kind, numbers):
    tokenizer = tokenizers[kind]
    ids = [number % tokenizer.vocabulary_size() for number in numbers]
    assert _streamed(tokenizer, ids) == tokenizer.detokenize(ids)


@pytest.mark.parametrize("kind", ["like_mistral", "default"])
@given(data=st.data())
def test_spaces_and_special_tokens_at_the_start_are_as_in_the_whole(
    tokenizers, kind, data
):
    tokenizer = tokenizers[kind]
    pieces = ["▁", "<s>", "</s>", "▁low", "▁▁", "<unk>", "<0xC3>", "<0x20>", "x"]
    drawn = data.draw(st.lists(st.sampled_from(pieces), max_size=8))
    ids = [tokenizer.token_to_id(piece) for piece in drawn]
    assert _streamed(tokenizer, ids) == tokenizer.detokenize(ids)


@pytest.mark.parametrize("kind", _KINDS)
@given(before=_TEXT, numbers=_NUMBERS)
def test_a_continuation_is_the_rest_of_the_whole(tokenizers, kind, before, numbers):
    tokenizer = tokenizers[kind]
    context = tokenizer.tokenize(before)
    ids = [number % tokenizer.vocabulary_size() for number in numbers]
    rest = _streamed(tokenizer, ids, context)
    whole = tokenizer.detokenize([*context, *ids])
    assert tokenizer.detokenize(context) + rest == whole


@pytest.mark.parametrize("kind", _KINDS)
@given(data=st.data())
def test_an_answer_goes_on_wherever_it_was_left(tokenizers, kind, data):
    """Also within a character, with special tokens among its bytes."""
    tokenizer = tokenizers[kind]
    some = tokenizer.tokenize(" é€low") + sorted(tokenizer.special_token_ids)
    few, any_id = st.sampled_from(some), st.integers(0, tokenizer.vocabulary_size() - 1)
    ids = data.draw(st.lists(few | any_id, max_size=12))
    cut = data.draw(st.integers(0, len(ids)))
    whole = TextStream(tokenizer, ids[:1])
    pieces = [whole.push(token_id) for token_id in ids]
    again = TextStream(tokenizer, ids[:1], ids[:cut])
    assert [again.push(token_id) for token_id in ids[cut:]] == pieces[cut:]
    assert again.flush() == whole.flush()


def test_a_continuation_keeps_its_leading_space(tokenizers):
    tokenizer = tokenizers["like_mistral"]
    low = tokenizer.tokenize("low")
    assert _streamed(tokenizer, low) == "low"
    assert _streamed(tokenizer, low, context_ids=low) == " low"
    # After the start token alone, the text still begins here.
    assert _streamed(tokenizer, low, context_ids=[1]) == "low"


@pytest.mark.parametrize("kind", ["like_mistral", "byte_level"])
def test_half_a_character_is_held_back(tokenizers, kind):
    tokenizer = tokenizers[kind]
    ids = tokenizer.tokenize("x€")[-3:]
    stream = TextStream(tokenizer, tokenizer.tokenize("x"))
    assert [stream.push(id_) for id_ in ids] == ["", "", "€"]
    assert stream.flush() == ""


@pytest.mark.parametrize(
    ("kind", "marks"), [("like_mistral", "\ufffd\ufffd"), ("byte_level", "\ufffd")]
)
def test_a_character_that_never_ends_is_marked_at_the_end(tokenizers, kind, marks):
    tokenizer = tokenizers[kind]
    first, second = tokenizer.tokenize("x€")[-3:-1]
    stream = TextStream(tokenizer, tokenizer.tokenize("x"))
    assert stream.push(first) + stream.push(second) == ""
    assert stream.flush() == marks


@given(text=_TEXT)
def test_no_mark_appears_in_valid_text(tokenizers, text):
    tokenizer = tokenizers["byte_level"]
    stream = TextStream(tokenizer)
    shown = ""
    for id_ in tokenizer.tokenize(text):
        shown += stream.push(id_)
        assert text.startswith(shown)


def test_a_bad_id_is_refused_while_streaming(tokenizers):
    with pytest.raises(ValueError, match="Token ids must be"):
        TextStream(tokenizers["byte_level"]).push(-1)
