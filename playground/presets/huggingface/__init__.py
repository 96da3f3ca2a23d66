"""The layout of transformers: config.json, safetensors and a tokenizer in a folder."""

from playground.presets.huggingface.config import config_from_huggingface
from playground.presets.huggingface.folder import describe_huggingface, load_huggingface

__all__ = ["config_from_huggingface", "describe_huggingface", "load_huggingface"]
