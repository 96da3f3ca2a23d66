"""Mistral's own layout: params.json, consolidated.safetensors, tokenizer.model.v3."""

from playground.presets.mistral.folder import describe_mistral, load_mistral
from playground.presets.mistral.params import config_from_params

__all__ = ["config_from_params", "describe_mistral", "load_mistral"]
