"""Chat templates: rendered as transformers does, and kept in their sandbox."""

import subprocess
import time

import pytest

from playground.tokenizers import render_chat, template_process
from playground.tokenizers.builtin_templates import BUILT_IN

_HELLO = [{"role": "user", "content": "Hello <b>&"}]
SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' "
    "%}{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by "
    "Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n'"
    " + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if "
    "add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# The shape of Mistral's first template.
_MISTRAL = """\
{{ bos_token }}
{%- for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Roles must alternate user/assistant/...') }}
    {%- endif %}
    {%- if message.role == 'user' %}
        {{- '[INST] ' + message.content + ' [/INST]' }}
    {%- else %}
        {{- message.content + eos_token }}
    {%- endif %}
{%- endfor %}"""


def test_a_conversation_becomes_the_prompt_worked_out_by_hand():
    messages = [
        *_HELLO,
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "No."},
    ]
    prompt = render_chat(_MISTRAL, messages, start_token="<s>", end_token="</s>")
    assert prompt == "<s>[INST] Hello <b>& [/INST]Yes?</s>[INST] No. [/INST]"


@pytest.mark.usefixtures("known")
def test_the_generation_prompt_can_be_left_out():
    template = "{{ messages[0].content }}{% if add_generation_prompt %}A:{% endif %}"
    assert render_chat(template, _HELLO) == "Hello <b>&A:"
    without = render_chat(template, _HELLO, add_generation_prompt=False)
    assert without == "Hello <b>&"


@pytest.mark.usefixtures("known")
def test_blocks_are_trimmed_as_in_transformers():
    template = (
        "{% for m in messages %}\n  {% if true %}\nx\n  {% endif %}\n{% endfor %}"
    )
    assert render_chat(template, _HELLO) == "x\n"


@pytest.mark.usefixtures("known")
def test_break_and_continue_and_json_work():
    template = "{% for m in messages %}{{ m | tojson }}{% break %}{% endfor %}"
    expected = '{"role": "user", "content": "Hello <b>&"}'
    assert render_chat(template, _HELLO * 3) == expected


@pytest.mark.usefixtures("known")
def test_a_templates_own_refusal_is_the_message():
    messages = [{"role": "assistant", "content": "Hi"}]
    with pytest.raises(ValueError, match="Roles must alternate"):
        render_chat(_MISTRAL, messages)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    "template",
    [
        "{% for",
        "{{ nothing.at.all }}",
        "{{ messages[7].content }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ raise_exception.__globals__.json }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ messages.append(1) }}",
        "{{ messages.clear() }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ range(1000000000) }}",
        "{% for i in range(99999) %}{{ messages[0].content }}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 1 / 0 }}",
        "(" * 300_000,
        "{{ " + "(" * 5000 + ")" * 5000 + " }}",
    ],
)
def test_a_broken_or_hostile_template_is_refused(template):
    with pytest.raises(ValueError, match=r"The chat template failed: ."):
        render_chat(template, _HELLO)


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a'.center(2 * 10**9) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 1000000000 * [1] }}",
        "{% set n = namespace(x='a' * 10**6) %}{% for i in range(99) %}"
        "{% set n.x = n.x ~ n.x %}{% endfor %}",
    ],
)
def test_a_template_gets_only_so_much_memory(template):
    with pytest.raises(ValueError, match=r"The chat template failed: .* 512 MB"):
        render_chat(template, _HELLO)


@pytest.mark.parametrize(
    "template",
    [
        "{{ lipsum(n=10**8) }}",
        "{{ 9 ** 999999999 }}",
        "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    ],
)
def test_a_template_gets_only_so_much_time(monkeypatch, template):
    monkeypatch.setattr(template_process, "MAX_SECONDS", 1.0)
    began = time.monotonic()
    with pytest.raises(ValueError, match="it takes longer than 1 s"):
        render_chat(template, _HELLO)
    assert time.monotonic() - began < 5


def test_a_process_is_watched_where_its_system_sets_no_limit(monkeypatch):
    monkeypatch.setattr(template_process, "MAX_BYTES", 1 << 20)
    slow = (
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    )
    with pytest.raises(ValueError, match="it needs more than 1 MB of memory"):
        render_chat(slow, _HELLO)


def test_a_template_sees_nothing_of_the_environment(monkeypatch):
    seen = {}

    def started(command, **given):
        seen.update(given["env"], command=command)
        raise OSError("no more processes")

    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setattr(subprocess, "Popen", started)
    with pytest.raises(ValueError, match="no process could be started"):
        render_chat("{{ 1 }}{# unknown #}", _HELLO)
    assert "secret" not in str(seen)
    assert seen["command"][1:3] == ["-I", "-S"]


def test_the_default_models_template_and_built_in_ones_start_no_process(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    assert render_chat(SMOLLM2, _HELLO).endswith("assistant\n")
    for template in BUILT_IN.values():
        assert "Hello <b>&" in render_chat(template, _HELLO)


def test_a_long_conversation_is_not_too_long():
    messages = [{"role": "user", "content": "x" * 1_000_000}]
    assert len(render_chat("{{ messages[0].content }}", messages)) == 1_000_000


@pytest.mark.usefixtures("known")
def test_small_repetitions_are_allowed():
    assert render_chat("{{ '-' * 20 }}{{ 6 * 7 }}", _HELLO) == "-" * 20 + "42"
