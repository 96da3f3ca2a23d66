"""Each pre-tokenizer that a GGUF file may name means what llama.cpp means by it."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from playground.presets.gguf.file import GGUFFile
from playground.presets.gguf.tokenizer import OTHER_NAMES, tokenizer_from_metadata
from playground.presets.huggingface.tekken_json import parse_tekken_json
from playground.tokenizers.byte_level_bpe import byte_letters
from playground.tokenizers.word_patterns import PRE_TOKENIZERS
from tests.mistral_vocabularies import mistral_vocabulary
from tests.oracles.tokenizer_texts import varied_texts

_ORACLE = Path(__file__).parents[1] / "oracles" / "pre_tokenizers.npz"
_TEXTS = varied_texts()


def _tokenizer(tokens, merges, kinds, pre_tokenizer, **metadata):
    metadata = {"model": "gpt2", "pre": pre_tokenizer, **metadata}
    arrays = {"tokens": tokens, "merges": merges, "token_type": np.array(kinds)}
    file = GGUFFile(
        path=Path("tokenizer.gguf"),
        metadata={f"tokenizer.ggml.{key}": value for key, value in metadata.items()},
        arrays={f"tokenizer.ggml.{key}": value for key, value in arrays.items()},
        tensors={},
    )
    return tokenizer_from_metadata(file)


@pytest.fixture(scope="module")
def stored():
    with np.load(_ORACLE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def tekken():
    """Tokens, merges and kinds of tokens of Mistral's real vocabulary."""
    found = parse_tekken_json(json.loads(mistral_vocabulary("tekken").read_text()))
    special = found.num_special_tokens
    kinds = [3] * special + [1] * (len(found.tokens) - special)
    return found.tokens, [" ".join(pair) for pair in found.merges], kinds


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_words_are_cut_as_llama_cpp_cuts_them(tekken, stored, name):
    tokenizer = _tokenizer(*tekken, name)
    ends = np.cumsum(stored[f"{name}/lengths"].astype(int))[:-1]
    rows = zip(_TEXTS, np.split(stored[f"{name}/ids"], ends), strict=True)
    different = [text for text, ids in rows if tokenizer.tokenize(text) != ids.tolist()]
    if name == "tekken":
        # llama.cpp leaves the marks (\p{M}) out of the pattern that Mistral wrote.
        different = [text for text in different if not any(map(_is_mark, text))]
    assert not different


def _is_mark(character):
    return unicodedata.category(character).startswith("M")


_LETTERS = byte_letters()
_SMALL = ([*_LETTERS, "ab", "abc", "abcd"], ["a b", "ab c"], [1] * 259)


@pytest.mark.parametrize("name", [*PRE_TOKENIZERS, *OTHER_NAMES])
def test_the_name_says_whether_a_text_gets_a_start_token(stored, name):
    expected = json.loads(str(stored["about"]))[f"{name} adds the start token"]
    assert _tokenizer(*_SMALL, name).add_start_token == expected
    for said in (False, True):
        assert _tokenizer(*_SMALL, name, add_bos_token=said).add_start_token == said


@pytest.mark.parametrize("other", OTHER_NAMES)
def test_other_names_mean_the_same(other):
    known = _tokenizer(*_SMALL, OTHER_NAMES[other])
    tokenizer = _tokenizer(*_SMALL, other)
    for text in _TEXTS[::10]:
        assert tokenizer.tokenize(text) == known.tokenize(text)


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_a_word_that_no_merges_lead_to_is_found_by_some(name):
    whole = name in ("llama-bpe", "tekken")
    expected = [258] if whole else [257, _LETTERS.index("d")]
    assert _tokenizer(*_SMALL, name).tokenize("abcd") == expected
