"""Mistral's own layout: params.json, consolidated.safetensors, tokenizer.model.v3."""

from playground.presets.mistral.folder import (
    config_from_params,
    describe_mistral,
    load_mistral,
)

__all__ = ["config_from_params", "describe_mistral", "load_mistral"]
