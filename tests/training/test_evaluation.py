"""Bits per byte, and the card that says them."""

import math

import numpy as np
import pytest

from playground.models import (
    MistralCausalLM,
    MistralCausalLMPreprocessor,
    MistralTokenizer,
)
from playground.training import Corpus, numbers
from playground.training.batches import token_stream
from playground.training.evaluation import (
    Score,
    overlapping,
    score_model,
    score_trigram,
)
from playground.training.model_card import EXCERPT, Measured, samples_as_markdown
from tests.conftest import tiny_model
from tests.oracles import numpy_mistral

TEXT = "KING.\nNow is the winter of our discontent\n"


@pytest.fixture(scope="module")
def model(tokenizer: MistralTokenizer) -> MistralCausalLM:
    backbone = tiny_model(vocabulary_size=300, sliding_window=5).backbone
    return MistralCausalLM(backbone, MistralCausalLMPreprocessor(tokenizer, 8))


def slow_surprisal(model: MistralCausalLM, ids: list[int]) -> float:
    """Nats of a text, token by token, each after the most that its pieces show."""
    backbone = model.backbone
    weights = {v.path: np.asarray(v.value) for v in backbone.variables}
    nats = 0.0
    for place, token in enumerate(ids):
        starts = overlapping(len(ids), 8).tolist()
        begin = min(s for s in starts if place - s < 8 and (s == 0 or place - s >= 4))
        context = [1, *ids[begin:place]]
        logits = numpy_mistral.forward(weights, backbone.get_config(), context)[-1]
        nats += np.log(np.exp(logits).sum()) - logits[token]
    return nats


def test_every_token_counts_once_after_at_least_half_a_context(
    model: MistralCausalLM, tokenizer: MistralTokenizer
) -> None:
    score = score_model(model, {"play": TEXT})["play"]
    ids = token_stream([TEXT], tokenizer).tolist()
    assert (score.num_tokens, score.num_bytes) == (len(ids), len(TEXT))
    # float32 in three layers, logits up to about 20.
    assert score.nats == pytest.approx(slow_surprisal(model, ids), rel=1e-4)


def test_a_text_shorter_than_the_context_is_one_piece(model: MistralCausalLM) -> None:
    score = score_model(model, {"": "sun"})[""]
    assert score.num_tokens < 8
    assert math.isfinite(score.nats)


def test_bits_per_byte_by_hand() -> None:
    # 12 bits over 3 + 5 bytes.
    one = Score(nats=8 * math.log(2), num_tokens=2, num_bytes=3)
    other = Score(nats=4 * math.log(2), num_tokens=4, num_bytes=5)
    both = one + other
    assert both.bits_per_byte == pytest.approx(1.5)
    assert both.nats_per_token == pytest.approx(2 * math.log(2))


def test_a_trigram_knows_what_it_has_read(
    corpus: Corpus, tokenizer: MistralTokenizer
) -> None:
    known = dict(list(corpus.training.items())[:1])
    scores = score_trigram(tokenizer, corpus.training, {**known, "other": "ZYX! 012"})
    bits = [score.bits_per_byte for score in scores.values()]
    assert bits[0] < 1 < 5 < bits[1]


def test_the_numbers_are_a_table() -> None:
    scores = {
        "john": Score(nats=8 * math.log(2), num_tokens=10, num_bytes=4),
        EXCERPT: Score(nats=1.0, num_tokens=1, num_bytes=1),
        "two_gentlemen": Score(nats=4 * math.log(2), num_tokens=6, num_bytes=8000),
    }
    measured = Measured(
        scores=scores,
        trigram=scores,
        peer={},
        peer_name="",
        windows={8: scores["john"], None: scores["john"]},
        part_of="john",
        samples=[],
    )
    text = numbers(measured)
    assert "| john | 4 | 2.000 | 2.000 |\n" in text
    assert "| two gentlemen | 8,000 | 0.001 | 0.001 |\n" in text
    assert "| together | 8,004 | 0.001 | 0.001 |\n" in text
    assert "0.520 nats for each of 16 tokens" in text
    assert text.endswith("| 8 | 2.000 |\n| all | 2.000 |\n")


def test_a_sample_stands_in_the_card_as_it_came() -> None:
    assert samples_as_markdown([("A.\n", 1, "A.\nb *c*\n\n")]) == (
        "Prompt 'A.\\n', seed 1:\n\n```\nA.\nb *c*\n```\n"
    )
