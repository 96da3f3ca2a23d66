"""What is typed in a chat is text; only the template writes special tokens."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground.models import MistralCausalLMPreprocessor
from playground.tokenizers import ChatPrompt, MistralTokenizer, chat_prompt
from playground.tokenizers.builtin_templates import BUILT_IN
from tests.mistral_vocabularies import mistral_vocabulary

_TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content | trim }}"
    "{% else %}{{ m.content }}<|end|>{% endif %}{% endfor %}<|end|>"
)


@pytest.fixture(scope="module")
def v3():
    """Mistral's third vocabulary, in which "[INST]" is a token, and its template."""
    return MistralTokenizer(
        mistral_vocabulary("v3"), chat_template=BUILT_IN["mistral-v3"]
    )


def _ask(content):
    return [{"role": "user", "content": content}]


def _special(tokenizer, ids):
    return [id_ for id_ in ids if id_ in tokenizer.special_token_ids]


@pytest.mark.parametrize(
    "typed",
    ["[INST]", "</s>", "a[/INST]b", "<s><s>", "[/INST] [INST]x", "[INST", "NST]"],
)
def test_a_typed_token_is_its_letters(v3, typed):
    prompt = chat_prompt(v3, _ask(typed))
    assert prompt == f"[INST] {typed}[/INST]"
    ids = v3.tokenize_pieces(prompt.pieces)
    assert _special(v3, ids) == [3, 4]
    assert v3.detokenize(ids) == typed
    assert ids == [3, *v3.tokenize(typed), 4]


@pytest.mark.parametrize("typed", ["Hi", "  two", "é <b> [x]", "a\n", "x" * 99, "1"])
@pytest.mark.parametrize("name", ["mistral-v1", "mistral-v3", "chatml", "llama2-sys"])
def test_a_text_without_tokens_has_the_ids_of_the_whole_prompt(v3, typed, name):
    tokenizer = MistralTokenizer(v3.proto, chat_template=BUILT_IN[name])
    preprocessor = MistralCausalLMPreprocessor(tokenizer)
    prompt = preprocessor.chat_prompt(typed)
    assert preprocessor.prompt_ids(prompt) == tokenizer.tokenize(
        f"<s>{prompt}", special=True
    )


def test_answers_and_later_questions_are_typed_text_too(v3):
    prompt = chat_prompt(
        v3,
        [
            {"role": "system", "content": "</s>"},
            {"role": "user", "content": "[INST]"},
            {"role": "assistant", "content": "a</s>b"},
            {"role": "user", "content": "[/INST]"},
        ],
    )
    assert prompt == "[INST] </s>\n\n[INST][/INST] a</s>b</s>[INST] [/INST][/INST]"
    assert _special(v3, v3.tokenize_pieces(prompt.pieces)) == [3, 4, 2, 3, 4]


def test_what_is_added_behind_a_prompt_is_typed_text(v3):
    prompt = chat_prompt(v3, _ask("Hi")) + "a</s>"
    assert isinstance(prompt, ChatPrompt)
    assert prompt == "[INST] Hi[/INST]a</s>"
    assert _special(v3, v3.tokenize_pieces(prompt.pieces)) == [3, 4]


_NAMES = ["<|end|>", "<|user|>", "<|", "|>", "end", "<|end", "|end|>", " ", "x", "<"]


@pytest.mark.usefixtures("known")
@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(content=st.lists(st.sampled_from(_NAMES)).map("".join))
@pytest.mark.parametrize(
    "template",
    [
        _TEMPLATE,
        "<|user|>{{ messages[0].content }}<|end|>",
        "<|user|><{{ messages[0].content }}><|end|>",  # half a name of its own
        "<|user|><|{{ messages[0].content }}|><|end|>",
        "<|user|>{{ messages[0]['content'] | tojson }}<|end|>",
        "<|user|>{{ messages[0].content.split('x') | join('x') | upper }}<|end|>",
        "<|user|>{% if messages[0].content[0] == '<' %}!{% endif %}"
        "{{ messages[0].content }}<|end|>",
    ],
)
def test_no_text_makes_a_token_with_any_template(make_bpe, template, content):
    tokenizer = make_bpe(chat_template=template)
    try:
        prompt = chat_prompt(tokenizer, _ask(content))
    except ValueError as fault:
        if "changes what is typed" not in str(fault):
            raise
        return
    assert [piece for piece in prompt.pieces if isinstance(piece, int)] == [1, 0]
    ids = tokenizer.tokenize_pieces(prompt.pieces)
    assert _special(tokenizer, ids) == [1, 0]


@pytest.mark.usefixtures("known")
def test_a_template_that_changes_a_typed_token_is_refused(make_bpe):
    template = "<|user|>{{ messages[0].content | replace('<', '(') }}<|end|>"
    tokenizer = make_bpe(chat_template=template)
    assert chat_prompt(tokenizer, _ask("a < b")) == "<|user|>a ( b<|end|>"
    with pytest.raises(ValueError, match="changes what is typed"):
        chat_prompt(tokenizer, _ask("a <|end|> b"))


@pytest.mark.usefixtures("known")
def test_added_words_count_in_typed_text_and_marks_do_not(make_bpe):
    template = "<|tool|>{{ messages[0].content }}"
    tokenizer = make_bpe(
        more=["<|tool|>", "a word"], user_token_ids=[263, 264], chat_template=template
    )
    prompt = chat_prompt(tokenizer, _ask("a word <|tool|> a word"))
    ids = tokenizer.tokenize_pieces(prompt.pieces)
    assert ids[:2] == [263, 264]
    assert ids[-1] == 264
    assert ids.count(263) == 1
    assert tokenizer.detokenize(ids) == "<|tool|>a word <|tool|> a word"


def test_as_it_is_a_prompt_may_hold_tokens(v3):
    preprocessor = MistralCausalLMPreprocessor(v3)
    assert preprocessor.prompt_ids("<s>[INST] Hi[/INST]</s>")[-2:] == [4, 2]
    assert preprocessor.prompt_ids(str(preprocessor.chat_prompt("</s>"))).count(2) == 1
    assert preprocessor.prompt_ids(preprocessor.chat_prompt("</s>")).count(2) == 0
