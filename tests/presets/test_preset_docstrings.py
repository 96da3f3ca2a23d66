"""The examples in the docstrings are true."""

import doctest

import pytest

from playground.presets import errors, gguf_rules, gguf_tokenizer
from playground.tokenizers import byte_level_bpe


@pytest.mark.parametrize("module", [errors, gguf_rules, gguf_tokenizer, byte_level_bpe])
def test_examples_in_docstrings_are_true(module):
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0
