r"""Chat templates that llama.cpp has built in, by its names (llama-chat.cpp).

Its converter writes such a name into a GGUF file where a model brings no template of
its own: "mistral-v7-tekken" for Mistral's own folders. Here are those for models of the
Mistral and Llama architectures. Each row says what stands around a message:

    mistral-v3    system "{}\n\n"    user "{}[/INST]"    assistant " {}</s>"
                  before a turn "[INST] "

A `{role}` is the role's name, `{trimmed}` the message without spaces around it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """What is written around a message of each role.

    `opening` comes before the first message and after each answer, there with `again`
    in front; `answer` begins what the model is to write.
    """

    system: str
    user: str
    assistant: str
    opening: str = ""
    again: str = ""
    answer: str = ""

    def jinja(self) -> str:
        opening, again = _quoted(self.opening), _quoted(self.again)
        return (
            "{%- for message in messages -%}"
            "{%- if loop.first -%}{{ " + opening + " }}"
            "{%- elif loop.previtem.role == 'assistant' -%}"
            "{{ " + again + " + " + opening + " }}"
            "{%- endif -%}"
            "{%- if message.role == 'system' -%}{{ " + _around(self.system) + " }}"
            "{%- elif message.role == 'user' -%}{{ " + _around(self.user) + " }}"
            "{%- else -%}{{ " + _around(self.assistant) + " }}"
            "{%- endif -%}"
            "{%- endfor -%}"
            "{%- if add_generation_prompt -%}{{ " + _quoted(self.answer) + " }}"
            "{%- endif -%}"
        )


_VALUES = {
    "{}": "message.content",
    "{trimmed}": "message.content | trim",
    "{role}": "message.role",
    "{Role}": "message.role | capitalize",
}


def _around(row: str) -> str:
    r"""A row as a Jinja expression.

    >>> _around("<|{role}|>\n{}")
    '"<|" ~ (message.role) ~ "|>\\n" ~ (message.content) ~ ""'
    """
    expression = _quoted(row)
    for name, value in _VALUES.items():
        expression = expression.replace(name, f'" ~ ({value}) ~ "')
    return expression


def _quoted(text: str) -> str:
    return '"' + text.replace("\n", r"\n") + '"'


def _every(row: str, answer: str, **roles: str) -> _Rows:
    """The same row for each role, but for some."""
    return _Rows(
        **{"system": row, "user": row, "assistant": row, "answer": answer} | roles
    )


def _mistral(before: str, after: str, answer: str) -> _Rows:
    return _Rows(
        opening=f"{before}[INST]{after}",
        system="{}\n\n",
        user=f"{{}}{before}[/INST]",
        assistant=f"{after}{answer}</s>",
    )


def _mistral_v7(after: str) -> _Rows:
    return _Rows(
        system=f"[SYSTEM_PROMPT]{after}{{}}[/SYSTEM_PROMPT]",
        user=f"[INST]{after}{{}}[/INST]",
        assistant=f"{after}{{}}</s>",
    )


def _llama2(system: str, again: str = "", content: str = "{}") -> _Rows:
    return _Rows(
        opening="[INST] ",
        again=again,
        system=system,
        user=f"{content} [/INST]",
        assistant=f"{content}</s>",
    )


def _vicuna(system: str) -> _Rows:
    return _Rows(
        system=system,
        user="USER: {}\n",
        assistant="ASSISTANT: {}</s>\n",
        answer="ASSISTANT:",
    )


_ROWS = {
    "mistral-v1": _mistral(" ", " ", "{}"),
    "mistral-v3": _mistral("", " ", "{trimmed}"),
    "mistral-v3-tekken": _mistral("", "", "{}"),
    "mistral-v7": _mistral_v7(" "),
    "mistral-v7-tekken": _mistral_v7(""),
    "llama2": _llama2("{}\n"),
    "llama2-sys": _llama2("<<SYS>>\n{}\n<</SYS>>\n\n"),
    "llama2-sys-bos": _llama2("<<SYS>>\n{}\n<</SYS>>\n\n", again="<s>"),
    "llama2-sys-strip": _llama2(
        "<<SYS>>\n{trimmed}\n<</SYS>>\n\n", content="{trimmed}"
    ),
    "llama3": _every(
        "<|start_header_id|>{role}<|end_header_id|>\n\n{trimmed}<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    "chatml": _every("<|im_start|>{role}\n{}<|im_end|>\n", "<|im_start|>assistant\n"),
    "phi3": _every("<|{role}|>\n{}<|end|>\n", "<|assistant|>\n"),
    "phi4": _every(
        "<|im_start|>{role}<|im_sep|>{}<|im_end|>", "<|im_start|>assistant<|im_sep|>"
    ),
    "falcon3": _every("<|{role}|>\n{}\n", "<|assistant|>\n"),
    "zephyr": _every("<|{role}|>\n{}<|endoftext|>\n", "<|assistant|>\n"),
    "openchat": _every(
        "GPT4 Correct {Role}: {}<|end_of_turn|>",
        "GPT4 Correct Assistant:",
        system="{}<|end_of_turn|>",
    ),
    "vicuna": _vicuna("{}\n\n"),
    "vicuna-orca": _vicuna("SYSTEM: {}\n"),
    "deepseek": _Rows(
        system="{}",
        user="### Instruction:\n{}\n",
        assistant="### Response:\n{}\n<|EOT|>\n",
        answer="### Response:\n",
    ),
    "deepseek2": _Rows(
        system="{}\n\n",
        user="User: {}\n\n",
        assistant="Assistant: {}<\uff5cend▁of▁sentence\uff5c>",
        answer="Assistant:",
    ),
    "deepseek3": _Rows(
        system="{}\n\n",
        user="<\uff5cUser\uff5c>{}",
        assistant="<\uff5cAssistant\uff5c>{}<\uff5cend▁of▁sentence\uff5c>",
        answer="<\uff5cAssistant\uff5c>",
    ),
    "megrez": _every(
        "<|role_start|>{role}<|role_end|>{}<|turn_end|>",
        "<|role_start|>assistant<|role_end|>",
    ),
}
BUILT_IN = {name: rows.jinja() for name, rows in _ROWS.items()}
"""Name -> Jinja source."""
