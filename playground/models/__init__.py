"""The models, under keras-hub's names."""

from playground.models.mistral_backbone import MistralBackbone
from playground.models.mistral_causal_lm import MistralCausalLM
from playground.models.mistral_causal_lm_preprocessor import (
    MistralCausalLMPreprocessor,
)
from playground.tokenizers import MistralTokenizer

__all__ = [
    "MistralBackbone",
    "MistralCausalLM",
    "MistralCausalLMPreprocessor",
    "MistralTokenizer",
]
