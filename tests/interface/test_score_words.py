"""What is not counted in a score is said."""

import pytest

from playground.interface.questions import score
from playground.models import MistralCausalLM, MistralCausalLMPreprocessor
from playground.settings import GenerationSettings
from playground.views.run_summary import RunSummary
from tests.conftest import tiny_model
from tests.views.small_vocabulary import byte, small_vocabulary

PLAIN = GenerationSettings(chat=False)


@pytest.fixture(scope="module")
def startless() -> MistralCausalLM:
    tokenizer = small_vocabulary()
    size = tokenizer.vocabulary_size()
    backbone = tiny_model(num_layers=1, vocabulary_size=size).backbone
    return MistralCausalLM(backbone, MistralCausalLMPreprocessor(tokenizer))


def test_the_first_token_of_a_model_without_a_start_token_is_named(
    startless: MistralCausalLM,
) -> None:
    found = score(startless, PLAIN, "", "xyz")
    assert found["not_counted"] == [{"token_id": byte("x"), "token": "x"}]
    assert [row["token"] for row in found["tokens"]] == ["y", "z"]
    assert (found["num_tokens"], found["num_bytes"]) == (2, 2)
    assert found["words"] == (
        "2 tokens counted. The first one, x, is not: nothing comes before it, as this "
        "model has no start token. Give a prompt to count it."
    )


def test_nothing_is_named_where_all_are_counted(startless: MistralCausalLM) -> None:
    found = score(startless, PLAIN, "w", "x")
    assert found["not_counted"] == []
    assert found["words"] == "1 token counted."


def test_a_perplexity_says_over_how_many_tokens() -> None:
    some = RunSummary(
        num_tokens=9, num_recorded=4, mean_logprob=-1.0, distinct_1=1, distinct_2=1
    )
    assert "perplexity 2.72 over the 4 recorded (1.44 bits" in some.words()
    assert ("recorded tokens", 4) in some.table().rows
