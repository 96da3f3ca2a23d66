"""A small random model that reads text."""

import io

import pytest
import sentencepiece

from playground.models import (
    MistralCausalLM,
    MistralCausalLMPreprocessor,
    MistralTokenizer,
)
from tests.conftest import tiny_model

WORDS = ["the sea is wide", "the sky is wider", "a new low", "lower and lower still"]


@pytest.fixture(scope="session")
def preprocessor() -> MistralCausalLMPreprocessor:
    proto = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(WORDS * 3),
        model_writer=proto,
        model_type="bpe",
        vocab_size=300,
        byte_fallback=True,
        num_threads=1,
        minloglevel=2,
    )
    return MistralCausalLMPreprocessor(
        MistralTokenizer(proto.getvalue()), sequence_length=12
    )


@pytest.fixture
def reader(preprocessor: MistralCausalLMPreprocessor) -> MistralCausalLM:
    """A fresh model each time: tests train it."""
    model = tiny_model(vocabulary_size=preprocessor.tokenizer.vocabulary_size())
    return MistralCausalLM(model.backbone, preprocessor)
