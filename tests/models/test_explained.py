"""Explained numbers against transformers, the numpy oracle and the model itself."""

from typing import Any

import jax
import numpy as np
import pytest

from playground.models import (
    Explained,
    ExplainStopped,
    MistralCausalLM,
    divergence,
    explain,
    salience,
    text_numbers,
)
from playground.models.interpretability import explained, text_reading
from playground.models.quantization import quantize_rows
from tests.oracles import numpy_mistral, stored
from tests.parity.test_tiny_parity import FLOAT32, build

# Case -> tokens of a chunk. In chunks of 8 a text of 40 takes five, and rings wrap.
CASES = {"grouped_query_window_8": 8, "wide_heads_window_8": 256, "tied": 8}
WEIGHTS = 1e-5  # float32 against float64 on numbers in [0, 1]


class Read:
    """A stored case, our model of it, its first text, and the text explained."""

    def __init__(self, name: str) -> None:
        self.case = stored.tiny_case(name)
        self.model = build(self.case)
        ids, self.logits = next(self.case.rows())
        self.token_ids: list[int] = ids.tolist()
        self.explained = self.explain(self.token_ids)
        self.outputs = self.outputs_under(self.case.config["sliding_window"])

    def explain(self, token_ids: list[int], *args: Any, **kwargs: Any) -> Explained:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(text_reading, "CHUNK", CASES[self.case.name])
            return explain(self.model, token_ids, *args, **kwargs)

    def outputs_under(self, sliding_window: int | None) -> list[np.ndarray]:
        config = self.case.config | {"sliding_window": sliding_window}
        return numpy_mistral.layer_outputs(self.case.weights, config, self.token_ids)

    def lens(self, hidden: np.ndarray) -> np.ndarray:
        """Logits that the oracle's final norm and head make of hidden states."""
        weights, config = self.case.weights, self.case.config
        scale = weights["sequence_output_layernorm/scale"].astype(np.float64)
        normed = numpy_mistral.rms_norm(hidden, scale, config["layer_norm_epsilon"])
        if config["tie_word_embeddings"]:
            return normed @ weights["token_embedding/embeddings"].T
        return normed @ weights["token_embedding/reverse_embeddings"]


@pytest.fixture(scope="module", params=CASES)
def read(request: pytest.FixtureRequest) -> Read:
    return Read(request.param)


@pytest.fixture(scope="module")
def narrow() -> Read:
    """Three layers under a window of 8, two query heads for a key/value head."""
    return Read("grouped_query_window_8")


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, np.float64)
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def test_attention_is_that_of_transformers(read: Read) -> None:
    for layer, expected in enumerate(stored.attention(read.case.name)):
        np.testing.assert_allclose(
            read.explained.attention(layer), expected, rtol=0, atol=WEIGHTS
        )


def test_full_attention_is_that_of_a_layer_without_its_window(read: Read) -> None:
    config = read.case.config | {"sliding_window": None}
    for layer, x in enumerate(read.outputs[:-1]):
        expected = numpy_mistral.layer_attention(read.case.weights, config, x, layer)
        found = read.explained.attention(layer, full=True)
        np.testing.assert_allclose(found, expected, rtol=0, atol=WEIGHTS)


def test_every_layers_output_and_what_it_would_predict(read: Read) -> None:
    for layer, expected in enumerate(read.outputs, start=-1):
        found = read.explained.hidden(layer)
        np.testing.assert_allclose(found, expected, rtol=0, atol=FLOAT32)
        lens = read.explained.lens(layer, range(40))
        # Logits are up to 5 times larger than hidden states.
        np.testing.assert_allclose(lens, read.lens(expected), rtol=0, atol=FLOAT32)


def test_the_last_layers_lens_is_the_models_own_logits(read: Read) -> None:
    own = read.explained.lens(read.explained.num_layers - 1, range(40))
    np.testing.assert_allclose(own, read.logits, rtol=0, atol=FLOAT32)
    np.testing.assert_allclose(
        read.explained.logits(-1), read.logits[-1], rtol=0, atol=FLOAT32
    )


def test_surprisal_rank_and_entropy(read: Read) -> None:
    logprobs = log_softmax(read.logits)[:-1]
    numbers, next_ids = text_numbers(read.explained), read.token_ids[1:]
    chosen = logprobs[range(39), next_ids]
    np.testing.assert_allclose(numbers.surprisal, -chosen, rtol=0, atol=FLOAT32)
    rank = 1 + (logprobs > chosen[:, None]).sum(axis=1)
    np.testing.assert_array_equal(numbers.rank, rank)
    entropy = -(np.exp(logprobs) * logprobs).sum(axis=1)
    np.testing.assert_allclose(numbers.entropy, entropy, rtol=0, atol=FLOAT32)


@pytest.mark.parametrize("window", [3, 40])
def test_divergence_under_another_window(narrow: Read, window: int) -> None:
    other = narrow.explained.under(window)
    own, theirs = (
        log_softmax(narrow.lens(x[-1]))
        for x in (narrow.outputs, narrow.outputs_under(window))
    )
    expected = (np.exp(own) * (own - theirs)).sum(axis=1)
    assert expected.max() > 1
    found = divergence(narrow.explained, other)
    np.testing.assert_allclose(found, expected, rtol=0, atol=FLOAT32)
    np.testing.assert_array_equal(divergence(other, other), 0)


def test_keys_and_values_repeat_what_attention_weighs(narrow: Read) -> None:
    """softmax of query x key is attention; here: values, mixed by it, go on."""
    case, layer = narrow.case, 1
    x = narrow.outputs[layer]
    scale = case.weights[f"transformer_layer_{layer}/self_attention_layernorm/scale"]
    normed = numpy_mistral.rms_norm(x, scale, case.config["layer_norm_epsilon"])
    at, heads = f"transformer_layer_{layer}/self_attention", (40, 2, 8)
    key = (normed @ case.weights[f"{at}/key/kernel"].T).reshape(heads)
    value = (normed @ case.weights[f"{at}/value/kernel"].T).reshape(heads)
    keys, values = narrow.explained.keys_and_values(layer)
    turned = numpy_mistral.rotate(key, case.config).transpose(1, 0, 2)
    np.testing.assert_allclose(keys, turned, rtol=0, atol=FLOAT32)
    np.testing.assert_allclose(values, value.transpose(1, 0, 2), atol=FLOAT32)


def oracle_logprob(read: Read, ids: list[int], table: np.ndarray, token: int) -> float:
    weights = {**read.case.weights, "token_embedding/embeddings": table}
    logits = numpy_mistral.forward(weights, read.case.config, ids)
    return float(log_softmax(logits[-1])[token])


def test_salience_is_what_small_changes_of_the_embeddings_do(narrow: Read) -> None:
    # Each id once, and a head of its own: a row of the table is one token's embedding.
    ids: list[int] = np.random.default_rng(3).permutation(61)[:30].tolist()
    token, step = 7, 1e-5
    found = salience(narrow.explain([*ids, 1, 2]), 29, token)
    table = narrow.case.weights["token_embedding/embeddings"].astype(np.float64)

    def slope(row: int, direction: np.ndarray) -> float:
        ends = []
        for sign in (1, -1):
            moved = table.copy()
            moved[row] += sign * step * direction
            ends.append(oracle_logprob(narrow, ids, moved, token))
        return (ends[0] - ends[1]) / (2 * step)

    expected = [slope(row, table[row]) for row in ids]
    assert max(map(abs, expected)) > 0.5
    # 21 is the furthest that three layers reach; central differences are good to 1e-8.
    assert [i for i, e in enumerate(expected) if e] == list(range(29 - 21, 30))
    np.testing.assert_allclose(
        found.gradient_times_input, [*expected, 0, 0], rtol=0, atol=FLOAT32
    )
    gradient = [slope(ids[25], axis) for axis in np.eye(32)]
    assert found.gradient_norm[25] == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
    assert found.logprob == pytest.approx(
        oracle_logprob(narrow, ids, table, token), abs=FLOAT32
    )


def test_rows_and_blocks_are_the_same(narrow: Read) -> None:
    rows = narrow.explained.attention(1)
    some = [39, 0, 7, -32, 16]
    np.testing.assert_allclose(
        narrow.explained.attention_rows(1, some), rows[:, some], rtol=0, atol=WEIGHTS
    )
    again = np.zeros_like(rows)
    for block in narrow.explained.attention_blocks(1):
        assert block.weights.shape[1:] <= (8, 8 + 7)
        again[:, block.queries[:, None], block.keys] = block.weights
    np.testing.assert_allclose(again, rows, rtol=0, atol=WEIGHTS)


def test_all_weights_of_a_long_text_at_once_are_refused(
    narrow: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explained, "MAX_DENSE", 39)
    with pytest.raises(ValueError, match="up to 39 tokens, this one has 40"):
        narrow.explained.attention(0)


@pytest.mark.slow
def test_a_text_of_several_full_chunks(tiny: MistralCausalLM) -> None:
    ids: list[int] = np.random.default_rng(1).integers(0, 97, 600).tolist()
    seen: dict[int, np.ndarray] = {}

    def look(x: jax.Array, layer: int) -> jax.Array:
        seen[layer] = np.asarray(x[0])
        return x

    logits = np.asarray(tiny.score([ids], layer_intercept_fn=look))[0]
    read = explain(tiny, ids)
    for layer, expected in seen.items():
        np.testing.assert_allclose(read.hidden(layer), expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(read.lens(2, range(600)), logits, rtol=1e-4, atol=1e-3)
    rows = read.attention_rows(1, range(600))
    np.testing.assert_allclose(rows.sum(axis=2), 1, rtol=0, atol=WEIGHTS)
    distance = np.arange(600)[:, None] - np.arange(600)
    assert not rows[:, (distance < 0) | (distance >= 7)].any()


def test_less_memory_gives_the_same(
    narrow: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_layer = 40 * 32 * 4  # tokens, hidden dimensions, bytes
    monkeypatch.setattr(text_reading, "KEPT_BYTES", 2 * one_layer)
    spare = narrow.explain(narrow.token_ids)
    assert len(spare.reading._kept) == 3  # 0, 2 and the last output
    for layer in (1, 0, 2):
        np.testing.assert_array_equal(
            spare.hidden(layer), narrow.explained.hidden(layer)
        )


@pytest.mark.parametrize("window", [1, 4, 8])
def test_it_agrees_with_what_the_engine_writes_from(narrow: Read, window: int) -> None:
    programs, ids = narrow.model.programs, np.array(narrow.token_ids, np.int32)
    cache = programs.empty_cache(programs.slots_for(40, 8))
    logits, _, _ = programs.forward(programs.weights(), cache, ids, 0, 40, window)
    read = narrow.explain(narrow.token_ids, sliding_window=window)
    np.testing.assert_allclose(
        read.logits(-1), np.asarray(logits)[0], rtol=0, atol=FLOAT32
    )


def as_stored_in_int8(path: str, weights: np.ndarray) -> np.ndarray:
    if weights.ndim == 1:
        return weights
    by_row = weights.T if path.endswith("reverse_embeddings") else weights
    rows, scale = quantize_rows(by_row)
    read = rows.astype(np.float64) / scale[:, None]
    return read.T if path.endswith("reverse_embeddings") else read


def test_an_int8_model_is_explained_with_its_rounded_weights() -> None:
    case = stored.tiny_case("wide_heads_window_8")
    model = build(case)
    model.backbone.quantize("int8")
    ids = next(case.rows())[0]
    rounded = {path: as_stored_in_int8(path, w) for path, w in case.weights.items()}
    outputs = numpy_mistral.layer_outputs(rounded, case.config, ids)
    read = explain(model, ids.tolist())
    expected = numpy_mistral.layer_attention(rounded, case.config, outputs[1], 1)
    np.testing.assert_allclose(read.attention(1), expected, rtol=0, atol=WEIGHTS)
    np.testing.assert_allclose(read.hidden(1), outputs[2], rtol=0, atol=FLOAT32)


def test_a_bfloat16_model_is_explained_as_closely_as_it_computes() -> None:
    case = stored.tiny_case("wide_heads_window_8")
    model = build(case, dtype="bfloat16")
    ids = next(case.rows())[0]
    read = explain(model, ids.tolist())
    difference = np.abs(read.attention(1) - stored.attention(case.name)[1])
    # 8 bits: 0.4% in each of some ten steps. Weights of other heads differ by 0.15.
    assert difference.mean() < 0.005
    np.testing.assert_allclose(read.attention(1).sum(axis=2), 1, rtol=0, atol=WEIGHTS)


def test_progress_is_told_and_stop_is_heard(narrow: Read) -> None:
    told: list[tuple[str, float | None]] = []
    narrow.explain([1, 2, 3], progress=lambda *words: told.append(words))
    assert [words for words, _ in told] == [
        *("Reading layer 1 of 3", "Reading layer 2 of 3", "Reading layer 3 of 3"),
    ]
    assert told[-1][1] == 1
    with pytest.raises(ExplainStopped, match="layer 2"):
        narrow.explain([1, 2, 3], stopped=iter([False, False, True]).__next__)
    with pytest.raises(ExplainStopped):
        salience(narrow.explained, 2, 1, stopped=lambda: True)


def test_a_single_token(narrow: Read) -> None:
    read = narrow.explain([5])
    np.testing.assert_array_equal(read.attention(0), np.ones((4, 1, 1)))
    assert text_numbers(read).surprisal.shape == (0,)


@pytest.mark.parametrize(
    ("token_ids", "window", "words"),
    [
        ([], None, "1 to 20 tokens, got 0"),
        ([1] * 21, None, "1 to 20 tokens, got 21"),
        ([1, 61], None, "0 to 60, got 61"),
        ([-1], None, "0 to 60, got -1"),
        ([1], 0, "at least 1, got 0"),
    ],
)
def test_texts_and_windows_that_cannot_be(
    narrow: Read,
    token_ids: list[int],
    window: int | None,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(narrow.model.backbone, "context_length", 20)
    with pytest.raises(ValueError, match=words):
        explain(narrow.model, token_ids, window)


def test_layers_positions_and_tokens_that_are_not_there(narrow: Read) -> None:
    read = narrow.explained
    with pytest.raises(ValueError, match="0 to 2, got 3"):
        read.attention_rows(3, [0])
    with pytest.raises(ValueError, match="0 to 2, got -2"):
        read.hidden(-2)
    with pytest.raises(ValueError, match=r"0 to 39, or from the end .* got 40"):
        read.logits(40)
    with pytest.raises(ValueError, match="0 to 60, got 61"):
        salience(read, 0, 61)
    with pytest.raises(ValueError, match="0 to 39, got -1"):
        salience(read, -1, 0)
    with pytest.raises(ValueError, match="two different texts"):
        divergence(read, narrow.explain([1, 2]))
