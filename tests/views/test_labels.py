"""Labels of tokens: nothing invisible, nothing endless, every byte told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.models import MistralCausalLMPreprocessor
from playground.tokenizers import ByteLevelBPETokenizer, Tokenizer
from playground.tokenizers.byte_level_bpe import byte_letters
from playground.views.labels import MAX_CHARACTERS, labels, visible, visible_bytes
from tests.conftest import REAL

HOSTILE = ["<|end|>", "\u202e<script>\n", "x" * 5000, ""]


@pytest.fixture(scope="module")
def real() -> Tokenizer:
    """Of the real model; its weights are not read."""
    preprocessor = MistralCausalLMPreprocessor.from_preset(REAL)
    return preprocessor.tokenizer


@pytest.fixture(scope="module")
def bytes_only() -> ByteLevelBPETokenizer:
    """Id 4 + b is the byte b, behind the special tokens of HOSTILE."""
    return ByteLevelBPETokenizer(
        [*HOSTILE, *byte_letters()], [], special_token_ids=range(len(HOSTILE))
    )


def of_text(tokenizer: Tokenizer, text: str) -> tuple[str, ...]:
    return labels(tokenizer, tokenizer.tokenize(text))


def test_spaces_and_lines_are_seen(real: Tokenizer) -> None:
    assert of_text(real, "Say the sea\n\n\tis") == (
        *("Say", "␣the", "␣sea", "↵↵", "⇥", "is"),
    )


def test_special_tokens_have_their_names(real: Tokenizer) -> None:
    ids = real.tokenize("<|im_start|>user\n", special=True)
    assert labels(real, ids) == ("<|im_start|>", "user", "↵")


def test_parts_of_a_character_are_told_by_byte(
    bytes_only: ByteLevelBPETokenizer,
) -> None:
    assert of_text(bytes_only, "é€") == (
        *("<0xC3>", "<0xA9>", "<0xE2>", "<0x82>", "<0xAC>"),
    )


def test_sentencepiece_shows_its_spaces_and_its_bytes(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    tokenizer = preprocessor.tokenizer
    assert "".join(of_text(tokenizer, "the sea")) == "␣the␣sea"
    assert of_text(tokenizer, "a★")[-3:] == ("<0xE2>", "<0x98>", "<0x85>")
    assert labels(tokenizer, [tokenizer.start_token_id or 0]) == ("<s>",)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202eabc", "<U+202E>abc"),  # would turn the rest around
        ("a\u200bb\ufeff", "a<U+200B>b<U+FEFF>"),
        ("\x00\r\x1b[31m", "<U+0000><U+000D><U+001B>[31m"),
        ("\u0301", "◌\u0301"),
        ("\u2028\u00a0", "<U+2028><U+00A0>"),
        ("日本 🪟", "日本␣🪟"),
        ("<b>&amp;", "<b>&amp;"),  # whoever writes HTML escapes it
    ],
)
def test_what_cannot_be_seen_is_named(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.binary(max_size=30))
def test_every_byte_is_told_and_every_character_has_a_shape(text: bytes) -> None:
    shown = visible_bytes(text)
    assert shown.isprintable()
    assert " " not in shown
    assert bool(shown) == bool(text)
    if text.isascii() and text.decode().isprintable():
        assert shown.replace("␣", " ").encode() == text


def test_a_hostile_vocabulary_makes_no_endless_and_no_empty_label(
    bytes_only: ByteLevelBPETokenizer,
) -> None:
    end, turned, long, empty, beyond = labels(bytes_only, [*range(4), 260])
    assert end == "<|end|>"
    assert turned == "<U+202E><script>↵"
    assert len(long) == MAX_CHARACTERS
    assert long.endswith("x…")
    assert (empty, beyond) == ("<id 3>", "<id 260>")
