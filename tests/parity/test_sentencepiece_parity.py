"""MistralTokenizer says what keras-hub's says, with Mistral's own vocabularies."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from playground.tokenizers import MistralTokenizer, TextStream
from tests.mistral_vocabularies import mistral_vocabulary
from tests.oracles.make_sentencepiece_oracle import random_ids
from tests.oracles.tokenizer_texts import varied_texts

_FILE = Path(__file__).parents[1] / "oracles" / "sentencepiece.npz"
NAMES = ["v1", "v2", "v3"]


@cache
def _stored() -> dict[str, np.ndarray]:
    with np.load(_FILE) as file:
        return dict(file)


def _json(key):
    return json.loads(_stored()[key].tobytes())


def _ids(name):
    """keras-hub's ids of each text."""
    ends = np.cumsum(_stored()[f"{name}/lengths"].astype(int))
    return [part.tolist() for part in np.split(_stored()[f"{name}/ids"], ends[:-1])]


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def tokenizer(name):
    return MistralTokenizer(mistral_vocabulary(name))


def test_the_texts_are_the_stored_ones_and_many():
    texts = varied_texts()
    assert texts == _json("texts")
    assert len(set(texts)) >= 2000


def test_each_text_has_keras_hubs_ids(name, tokenizer):
    for text, expected in zip(_json("texts"), _ids(name), strict=True):
        assert tokenizer.tokenize(text) == expected, repr(text)


def test_any_ids_have_keras_hubs_text_whole_and_streamed(name, tokenizer):
    several = [*_ids(name), *random_ids(tokenizer.vocabulary_size())]
    texts = [*_json("texts"), *[None] * 400]
    for ids, text, said in zip(several, texts, _json(f"{name}/decoded"), strict=True):
        expected = text if said is None else said
        assert tokenizer.detokenize(ids) == expected, ids
        stream = TextStream(tokenizer)
        assert "".join(map(stream.push, ids)) + stream.flush() == expected, ids


def test_a_text_comes_back_but_for_the_letter_that_spells_a_space(name):
    texts, decoded = _json("texts"), _json(f"{name}/decoded")[: len(_json("texts"))]
    changed = [text for text, said in zip(texts, decoded, strict=True) if said]
    assert changed
    assert all("▁" in text for text in changed)
