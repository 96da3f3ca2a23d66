"""The models, under keras-hub's names."""

from playground.models.interpretability.explained import (
    AttentionBlock,
    Explained,
    explain,
)
from playground.models.interpretability.input_gradients import Salience, salience
from playground.models.interpretability.predictions import (
    TextNumbers,
    divergence,
    text_numbers,
)
from playground.models.interpretability.text_reading import ExplainStopped
from playground.models.mistral_backbone import MistralBackbone
from playground.models.mistral_causal_lm import MistralCausalLM
from playground.models.mistral_causal_lm_preprocessor import (
    MistralCausalLMPreprocessor,
)
from playground.tokenizers import MistralTokenizer

__all__ = [
    "AttentionBlock",
    "ExplainStopped",
    "Explained",
    "MistralBackbone",
    "MistralCausalLM",
    "MistralCausalLMPreprocessor",
    "MistralTokenizer",
    "Salience",
    "TextNumbers",
    "divergence",
    "explain",
    "salience",
    "text_numbers",
]
