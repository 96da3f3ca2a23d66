"""The format of llama.cpp: one file with configuration, tokenizer and weights."""

from playground.presets.gguf.checkpoint import load_gguf

__all__ = ["load_gguf"]
