"""Tokenizers, streamed text and chat templates."""

from playground.tokenizers.byte_level_bpe import ByteLevelBPETokenizer
from playground.tokenizers.chat import ChatPrompt, chat_prompt, render_chat
from playground.tokenizers.sentencepiece_tokenizer import MistralTokenizer
from playground.tokenizers.stop_strings import StopScanner, TokenScanner
from playground.tokenizers.text_stream import TextStream
from playground.tokenizers.tokenizer import Tokenizer

__all__ = [
    "ByteLevelBPETokenizer",
    "ChatPrompt",
    "MistralTokenizer",
    "StopScanner",
    "TextStream",
    "TokenScanner",
    "Tokenizer",
    "chat_prompt",
    "render_chat",
]
