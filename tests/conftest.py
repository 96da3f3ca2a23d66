"""The real model and its engine, loaded once; small random models."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
import sentencepiece
from hypothesis import HealthCheck, settings

from playground.engine import Engine
from playground.models import (
    MistralBackbone,
    MistralCausalLM,
    MistralCausalLMPreprocessor,
    MistralTokenizer,
)
from playground.session import start_engine

REAL = "smollm2_135m_instruct"

# On a busy machine an example may take any time.
settings.register_profile(
    "playground", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("playground")


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine[MistralCausalLM]]:
    """The real model on an engine. The first use on a machine downloads it.

    In float32, as the peers had it whose numbers are stored.
    """
    engine = start_engine(REAL, warm_length=0, dtype="float32")
    status = engine.wait()
    assert status.phase == "ready", status.message
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def smollm2(engine: Engine[MistralCausalLM]) -> MistralCausalLM:
    """The real model."""
    assert engine.model is not None
    return engine.model


TINY = {
    "vocabulary_size": 97,
    "num_layers": 3,
    "num_query_heads": 4,
    "hidden_dim": 24,
    "intermediate_dim": 40,
    "num_key_value_heads": 2,
    "head_dim": 10,  # not 24 / 4
    "sliding_window": 7,
    "context_length": 2000,
}


@pytest.fixture(scope="session")
def tiny() -> MistralCausalLM:
    """A random model with a window, grouped heads and an explicit head_dim.

    Its weights are large, so that what it attends to changes its logits a lot.
    """
    return tiny_model()


def tiny_model(**overrides: object) -> MistralCausalLM:
    backbone = MistralBackbone(**{**TINY, **overrides}, dtype="float32")
    numbers = np.random.default_rng(0)
    for variable in backbone.variables:
        if len(variable.shape) > 1:
            variable.assign(numbers.normal(0, 0.4, variable.shape))
    return MistralCausalLM(backbone)


WORDS = ["the sea is wide", "the sky is wider", "a new low", "lower and lower still"]


@pytest.fixture(scope="session")
def preprocessor() -> MistralCausalLMPreprocessor:
    """A tiny vocabulary, for small models that read text."""
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
