"""Chat templates: rendered as transformers does, and kept in their sandbox."""

import pytest

from playground.tokenizers import render_chat

_HELLO = [{"role": "user", "content": "Hello <b>&"}]
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


def test_the_generation_prompt_can_be_left_out():
    template = "{{ messages[0].content }}{% if add_generation_prompt %}A:{% endif %}"
    assert render_chat(template, _HELLO) == "Hello <b>&A:"
    without = render_chat(template, _HELLO, add_generation_prompt=False)
    assert without == "Hello <b>&"


def test_blocks_are_trimmed_as_in_transformers():
    template = (
        "{% for m in messages %}\n  {% if true %}\nx\n  {% endif %}\n{% endfor %}"
    )
    assert render_chat(template, _HELLO) == "x\n"


def test_break_and_continue_and_json_work():
    template = "{% for m in messages %}{{ m | tojson }}{% break %}{% endfor %}"
    expected = '{"role": "user", "content": "Hello <b>&"}'
    assert render_chat(template, _HELLO * 3) == expected


def test_a_templates_own_refusal_is_the_message():
    messages = [{"role": "assistant", "content": "Hi"}]
    with pytest.raises(ValueError, match="Roles must alternate"):
        render_chat(_MISTRAL, messages)


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
        "{{ 'x' * 1000000000 }}",
        "{{ 1000000000 * [1] }}",
        "{{ 9 ** 999999999 }}",
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


def test_a_long_conversation_is_not_too_long():
    messages = [{"role": "user", "content": "x" * 1_000_000}]
    assert len(render_chat("{{ messages[0].content }}", messages)) == 1_000_000


def test_small_repetitions_are_allowed():
    assert render_chat("{{ '-' * 20 }}{{ 6 * 7 }}", _HELLO) == "-" * 20 + "42"
