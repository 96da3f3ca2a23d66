"""A small random model that reads text."""

import pytest

from playground.models import MistralCausalLM, MistralCausalLMPreprocessor
from tests.conftest import tiny_model


@pytest.fixture
def reader(preprocessor: MistralCausalLMPreprocessor) -> MistralCausalLM:
    """A fresh model each time: tests train it."""
    model = tiny_model(vocabulary_size=preprocessor.tokenizer.vocabulary_size())
    return MistralCausalLM(model.backbone, preprocessor)
