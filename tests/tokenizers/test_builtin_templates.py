"""llama.cpp's built-in templates: prompts worked out by hand."""

import pytest

from playground.tokenizers import render_chat
from playground.tokenizers.builtin_templates import BUILT_IN

_USER = [{"role": "user", "content": " Hi\nyou "}]
_CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": " Yes? "},
    {"role": "user", "content": "No"},
]


@pytest.mark.parametrize(
    ("name", "question", "chat"),
    [
        (
            "mistral-v1",
            " [INST]  Hi\nyou  [/INST]",
            " [INST] Be kind.\n\nHi [/INST]  Yes? </s> [INST] No [/INST]",
        ),
        (
            "mistral-v3",
            "[INST]  Hi\nyou [/INST]",
            "[INST] Be kind.\n\nHi[/INST] Yes?</s>[INST] No[/INST]",
        ),
        (
            "mistral-v3-tekken",
            "[INST] Hi\nyou [/INST]",
            "[INST]Be kind.\n\nHi[/INST] Yes? </s>[INST]No[/INST]",
        ),
        (
            "mistral-v7",
            "[INST]  Hi\nyou [/INST]",
            "[SYSTEM_PROMPT] Be kind.[/SYSTEM_PROMPT][INST] Hi[/INST]  Yes? </s>"
            "[INST] No[/INST]",
        ),
        (
            "mistral-v7-tekken",
            "[INST] Hi\nyou [/INST]",
            "[SYSTEM_PROMPT]Be kind.[/SYSTEM_PROMPT][INST]Hi[/INST] Yes? </s>"
            "[INST]No[/INST]",
        ),
        (
            "llama2",
            "[INST]  Hi\nyou  [/INST]",
            "[INST] Be kind.\nHi [/INST] Yes? </s>[INST] No [/INST]",
        ),
        (
            "llama2-sys",
            "[INST]  Hi\nyou  [/INST]",
            "[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST] Yes? </s>"
            "[INST] No [/INST]",
        ),
        (
            "llama2-sys-bos",
            "[INST]  Hi\nyou  [/INST]",
            "[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST] Yes? </s>"
            "<s>[INST] No [/INST]",
        ),
        (
            "llama2-sys-strip",
            "[INST] Hi\nyou [/INST]",
            "[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST]Yes?</s>[INST] No [/INST]",
        ),
        (
            "llama3",
            "<|start_header_id|>user<|end_header_id|>\n\nHi\nyou<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            None,
        ),
        (
            "chatml",
            "<|im_start|>user\n Hi\nyou <|im_end|>\n<|im_start|>assistant\n",
            "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n Yes? <|im_end|>\n<|im_start|>user\nNo<|im_end|>\n"
            "<|im_start|>assistant\n",
        ),
        ("phi3", "<|user|>\n Hi\nyou <|end|>\n<|assistant|>\n", None),
        (
            "phi4",
            "<|im_start|>user<|im_sep|> Hi\nyou <|im_end|>"
            "<|im_start|>assistant<|im_sep|>",
            None,
        ),
        ("falcon3", "<|user|>\n Hi\nyou \n<|assistant|>\n", None),
        ("zephyr", "<|user|>\n Hi\nyou <|endoftext|>\n<|assistant|>\n", None),
        (
            "openchat",
            "GPT4 Correct User:  Hi\nyou <|end_of_turn|>GPT4 Correct Assistant:",
            "Be kind.<|end_of_turn|>GPT4 Correct User: Hi<|end_of_turn|>"
            "GPT4 Correct Assistant:  Yes? <|end_of_turn|>"
            "GPT4 Correct User: No<|end_of_turn|>GPT4 Correct Assistant:",
        ),
        (
            "vicuna",
            "USER:  Hi\nyou \nASSISTANT:",
            "Be kind.\n\nUSER: Hi\nASSISTANT:  Yes? </s>\nUSER: No\nASSISTANT:",
        ),
        (
            "vicuna-orca",
            "USER:  Hi\nyou \nASSISTANT:",
            "SYSTEM: Be kind.\nUSER: Hi\nASSISTANT:  Yes? </s>\nUSER: No\nASSISTANT:",
        ),
        (
            "deepseek",
            "### Instruction:\n Hi\nyou \n### Response:\n",
            "Be kind.### Instruction:\nHi\n### Response:\n Yes? \n<|EOT|>\n"
            "### Instruction:\nNo\n### Response:\n",
        ),
        ("deepseek2", "User:  Hi\nyou \n\nAssistant:", None),
        (
            "deepseek3",
            "<\uff5cUser\uff5c> Hi\nyou <\uff5cAssistant\uff5c>",
            "Be kind.\n\n<\uff5cUser\uff5c>Hi<\uff5cAssistant\uff5c> Yes? "
            "<\uff5cend▁of▁sentence\uff5c><\uff5cUser\uff5c>No<\uff5cAssistant\uff5c>",
        ),
        (
            "megrez",
            "<|role_start|>user<|role_end|> Hi\nyou <|turn_end|>"
            "<|role_start|>assistant<|role_end|>",
            None,
        ),
    ],
)
def test_a_built_in_template_writes_what_llama_cpp_writes(name, question, chat):
    assert render_chat(BUILT_IN[name], _USER) == question
    if chat is not None:
        assert render_chat(BUILT_IN[name], _CHAT) == chat


def test_no_template_is_left_out_here():
    (table,) = test_a_built_in_template_writes_what_llama_cpp_writes.pytestmark
    assert {row[0] for row in table.args[1]} == set(BUILT_IN)


def test_without_an_answer_to_come_nothing_begins_one():
    template = BUILT_IN["chatml"]
    text = render_chat(template, _USER, add_generation_prompt=False)
    assert text == "<|im_start|>user\n Hi\nyou <|im_end|>\n"
