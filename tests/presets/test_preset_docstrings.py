"""The examples in the docstrings are true."""

import doctest

import pytest

from playground.presets import (
    errors,
    sentencepiece_proto,
    tensor_names,
    variables,
)
from playground.presets.huggingface import rules as huggingface_rules
from playground.presets.keras import names as keras_names
from playground.tokenizers import byte_level_bpe

MODULES = [errors, huggingface_rules, keras_names, tensor_names, variables]


@pytest.mark.parametrize("module", [*MODULES, sentencepiece_proto, byte_level_bpe])
def test_examples_in_docstrings_are_true(module):
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0
