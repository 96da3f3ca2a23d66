"""The line under the prompt says how many tokens it has, and which are special."""

from types import SimpleNamespace
from typing import Any

import pytest

from playground.interface.prompt_count import prompt_count
from playground.models import MistralCausalLMPreprocessor
from playground.tokenizers import MistralTokenizer
from playground.tokenizers.builtin_templates import BUILT_IN
from tests.mistral_vocabularies import mistral_vocabulary


@pytest.fixture(scope="module")
def model() -> Any:
    """Mistral's third vocabulary and its template; no weights are asked for."""
    tokenizer = MistralTokenizer(
        mistral_vocabulary("v3"), chat_template=BUILT_IN["mistral-v3"]
    )
    backbone = SimpleNamespace(
        widest_window=None, layer_windows=[None] * 2, num_layers=2, context_length=None
    )
    return SimpleNamespace(
        text_preprocessor=MistralCausalLMPreprocessor(tokenizer), backbone=backbone
    )


@pytest.mark.parametrize(
    ("prompt", "chat", "words"),
    [
        ("Hi", False, "2 tokens. "),
        ("Hi</s>", False, "3 tokens, among them the special </s>. "),
        ("<s>[INST] Hi", False, "3 tokens, among them the special <s>, [INST]. "),
        ("Hi", True, "2 tokens. "),
        ("Hi</s>", True, "5 tokens. "),
        ("Hi</s>", None, "5 tokens. "),
        (
            "</s><s>[INST][/INST][TOOL_CALLS][IMG][PREFIX]",
            False,
            "among them the special <s>, </s>, [INST], [/INST], [TOOL_CALLS] and 2",
        ),
    ],
)
def test_it_says_which_special_tokens_are_spelt(
    model: Any, prompt: str, chat: bool | None, words: str
) -> None:
    assert words in prompt_count(model, prompt, chat)
