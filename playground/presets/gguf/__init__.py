"""The format of llama.cpp: one file with configuration, tokenizer and weights."""

from playground.presets.gguf.checkpoint import load_gguf
from playground.presets.gguf.file import is_gguf

__all__ = ["is_gguf", "load_gguf"]
