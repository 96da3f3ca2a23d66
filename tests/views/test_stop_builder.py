"""How a stop text is written, in places that change its tokens."""

import pytest

from playground.models import MistralCausalLMPreprocessor
from playground.tokenizers import Tokenizer
from playground.views import stop_view


class Letters(Tokenizer):
    """Tokens for some texts, the longest first; one letter each otherwise."""

    def __init__(self, *texts: str) -> None:
        self.texts = [*map(chr, range(128)), *texts]

    # Of one text only, as that is all that is asked here.
    def tokenize(self, text: str) -> list[int]:  # type: ignore[override]
        ids = []
        while text:
            found = max(filter(text.startswith, self.texts), key=len)
            ids.append(self.texts.index(found))
            text = text[len(found) :]
        return ids

    def token_bytes(self, token_id: int, **_where: bool) -> bytes:
        return self.texts[token_id].encode()

    def id_to_token(self, token_id: int) -> str:
        return self.texts[token_id]


# The abstract rest of a tokenizer is not asked for.
Letters.__abstractmethods__ = frozenset()


def pieces(tokenizer: Tokenizer, text: str) -> dict[str, tuple[str, ...]]:
    view = stop_view(tokenizer, text)
    assert view.text == text
    return {each.place: each.pieces for each in view.tokenisations}


def test_a_text_that_is_one_token_everywhere_is_caught_by_its_id() -> None:
    view = stop_view(Letters("end"), "end")
    assert view.single_id == 128
    assert view.words.startswith("Token 128 is this text in every place")
    assert {each.begins_inside for each in view.tokenisations} == {False}


def test_a_token_from_before_the_stop_hides_it() -> None:
    tokenizer = Letters("\n\n", "\n\n\n", " \n\n")
    assert pieces(tokenizer, "\n\n") == {
        "at the start": ("\n\n",),
        "after a letter": ("\n\n",),
        "after a space": (" \n\n",),
        "after a full stop": ("\n\n",),
        "after a new line": ("\n\n\n",),
    }
    view = stop_view(tokenizer, "\n\n")
    inside = [each.place for each in view.tokenisations if each.begins_inside]
    assert inside == ["after a space", "after a new line"]
    assert view.single_id is None
    assert view.words == (
        "It has 3 different ways to be written. It may begin inside a token. "
        "No single stop token catches it; use it as a stop string."
    )


def test_a_text_of_several_tokens_is_told() -> None:
    view = stop_view(Letters("User"), "User:")
    assert pieces(Letters("User"), "User:")["after a letter"] == ("User", ":")
    assert view.single_id is None
    assert view.words == (
        "It takes several tokens. "
        "No single stop token catches it; use it as a stop string."
    )


def test_a_real_vocabulary(preprocessor: MistralCausalLMPreprocessor) -> None:
    tokenizer = preprocessor.tokenizer
    for text in ("sea", " is wide", "é"):
        for each in stop_view(tokenizer, text).tokenisations:
            whole = "".join(each.pieces).replace("▁", " ")
            if not whole.startswith(("<0x", " <0x")):
                assert text in whole


def test_a_text_that_the_vocabulary_drops_is_told(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    view = stop_view(preprocessor.tokenizer, "\n")
    assert view.tokenisations[0].token_ids == ()
    assert view.single_id is None
    assert view.words.startswith("The vocabulary does not keep it as it is.")


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one character"):
        stop_view(Letters(), "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("</s>", "This is the special token 2, which has no text"),
        ("low</s></s>", "It spells the special token 2, which has no text"),
    ],
)
def test_a_special_token_is_told(
    preprocessor: MistralCausalLMPreprocessor, text: str, words: str
) -> None:
    assert stop_view(preprocessor.tokenizer, text).words.startswith(words)
