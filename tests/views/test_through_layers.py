"""Rollout, logit lens, what if, salience and key similarity against oracles."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.engine import Engine, Event, Finished, Request, Step
from playground.models import (
    Explained,
    ExplainStopped,
    MistralCausalLM,
    Salience,
    explain,
)
from playground.models.interpretability.greedy_texts import greedy_texts
from playground.tokenizers import ByteLevelBPETokenizer
from playground.tokenizers.byte_level_bpe import byte_letters
from playground.views.explained_text import Waiting
from playground.views.key_similarity import key_similarity_view
from playground.views.logit_lens import logit_lens_view
from playground.views.rollout import rollout_view
from playground.views.salience import salience_view
from playground.views.what_if import (
    first_difference,
    what_if_view,
    windows_to_try,
)
from tests.oracles import numpy_mistral, stored
from tests.parity.test_tiny_parity import FLOAT32, build
from tests.views.scripted_explained import random_weights, scripted

LABELS = tuple(f"t{i}" for i in range(40))


def test_rollout_by_hand() -> None:
    """Two layers, the same head; with a window of 2 layer 0 reaches one back."""
    head = [[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]]
    view = rollout_view(scripted([[head], [head]], 2), 2, ("a", "b", "c"))
    # Half itself, half the row: A'[2] = 0, 1/4, 3/4 and A'[1] = 1/4, 3/4, 0.
    np.testing.assert_allclose(view.shares[0], [0, 0.25, 0.75])
    np.testing.assert_allclose(
        view.shares[1], [0.25 * 0.25, 0.25 * 0.75 + 0.75 * 0.25, 0.75 * 0.75]
    )
    assert view.first_seen == 1
    np.testing.assert_allclose(view.beyond, [0, 0.0625])
    assert "is 56.2% itself and 37.5% token 1 “b”" in view.words()
    assert "6.2% comes from tokens before 1, which it cannot see" in view.words()
    assert view.table().rows[0] == (0, 1, "b", 0.25)
    assert len(view.table().rows) == 5


@given(st.integers(0, 99), st.integers(1, 9), st.integers(1, 9), st.data())
def test_rollout_is_a_product_of_matrices(
    seed: int, length: int, window: int, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, length - 1))
    explained = scripted(random_weights(seed, 3, 2, length), window)
    view = rollout_view(explained, position, LABELS[:length])
    product = np.eye(length)
    for layer in range(3):
        mixed = (explained.windowed[layer].mean(axis=0) + np.eye(length)) / 2
        product = mixed @ product
        np.testing.assert_allclose(
            view.shares[layer], product[position], rtol=0, atol=1e-6
        )
        reach = (layer + 1) * (explained.sliding_window - 1)
        assert not view.shares[layer, : max(0, position - reach)].any()
    assert view.words()


def test_a_position_that_is_not_there_has_no_rollout() -> None:
    with pytest.raises(ValueError, match="0 to 2, got 3"):
        rollout_view(scripted(random_weights(0, 1, 1, 3)), 3, LABELS[:3])


@pytest.fixture(scope="module")
def letters() -> ByteLevelBPETokenizer:
    """Id 0 is the letter !, 1 the letter ", and so on."""
    return ByteLevelBPETokenizer(list(byte_letters())[33:], [])


def test_the_lens_by_hand(letters: ByteLevelBPETokenizer) -> None:
    """Three tokens, after ! and ": " comes after !, what follows " is not known."""
    halves, quarters = np.log([0.5, 0.25, 0.25]), np.log([0.25, 0.25, 0.5])
    last = np.log([0.125, 0.75, 0.125])
    explained = scripted(
        random_weights(0, 2, 1, 2),
        token_ids=[0, 1],
        lens_logits=[[halves, quarters], [quarters + 3, quarters], [last, quarters]],
    )
    view = logit_lens_view(explained, letters, [0, 1], most_tokens=2)
    assert view.layers == (-1, 0, 1)
    assert view.labels == ("!", '"')
    assert view.top_tokens[:, 0, 0].tolist() == [0, 2, 1]
    assert view.top_labels[2][0] == ('"', "!")
    np.testing.assert_allclose(view.top_probabilities[0, 0], [0.5, 0.25])
    assert view.target_tokens.tolist() == [1, 2]
    assert view.target_labels == ('"', "#")
    assert view.target_rank[:, 0].tolist() == [2, 2, 1]
    np.testing.assert_allclose(view.target_probability[:, 0], [0.25, 0.25, 0.75])
    assert view.entropy[0, 0] == pytest.approx(1.5 * math.log(2))
    kl = 0.125 * math.log(0.125 / 0.5) + 0.75 * math.log(3) + 0.125 * math.log(0.5)
    assert view.divergence[0, 0] == pytest.approx(kl)
    np.testing.assert_allclose(view.divergence[2], 0, atol=1e-7)
    assert view.settled == (1, -1)
    assert "“#” with 50.0%, and does so from the embedding on" in view.words()
    assert view.table().rows[0] == (
        *("the embedding", 0, "!", "!", pytest.approx(0.5)),
        *('"', pytest.approx(0.25), 2),
    )


@pytest.mark.parametrize("positions", [[], [2], [0] * 65])
def test_the_lens_takes_some_positions(
    letters: ByteLevelBPETokenizer, positions: list[int]
) -> None:
    explained = scripted(random_weights(0, 1, 1, 2))
    with pytest.raises(ValueError, match="1 to 64 positions from 0 to 1"):
        logit_lens_view(explained, letters, positions)


@pytest.fixture(scope="module")
def case() -> stored.TinyCase:
    return stored.tiny_case("grouped_query_window_8")


@pytest.fixture(scope="module")
def model(case: stored.TinyCase) -> MistralCausalLM:
    return build(case)


@pytest.fixture(scope="module")
def token_ids(case: stored.TinyCase) -> list[int]:
    ids: list[int] = next(case.rows())[0].tolist()
    return ids


@pytest.fixture(scope="module")
def explained(model: MistralCausalLM, token_ids: list[int]) -> Explained:
    return explain(model, token_ids)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))


def test_the_same_text_under_other_windows(
    case: stored.TinyCase, explained: Explained, token_ids: list[int]
) -> None:
    greedy = {8: (1, 2, 3), 2: (1, 2, 4), 99: (1, 2, 3)}
    told: list[float | None] = []
    view = what_if_view(
        explained,
        LABELS,
        [2, 99],
        greedy,
        Waiting(lambda _words, part: told.append(part)),
    )
    assert view.windows == (2, 8, 40)
    assert view.own == 8
    under = {
        window: log_softmax(
            numpy_mistral.forward(
                case.weights, case.config | {"sliding_window": window}, token_ids
            )
        )
        for window in view.windows
    }
    own = under[8]
    for i, logprobs in enumerate(under.values()):
        surprisal = -logprobs[range(39), token_ids[1:]]
        np.testing.assert_allclose(view.surprisal[i], surprisal, rtol=0, atol=FLOAT32)
        assert view.loss[i] == pytest.approx(surprisal.mean(), abs=FLOAT32)
        changed = (np.exp(own) * (own - logprobs)).sum(axis=1)
        np.testing.assert_allclose(view.divergence[i], changed, rtol=0, atol=FLOAT32)
    assert view.first_difference == (2, None, None)
    assert [row[0] for row in view.table().rows] == [2, 8, 40]
    assert [row[4] for row in view.table().rows] == [2, "none", "none"]
    assert "writes the same under 1 of the 2 other windows" in view.words()
    assert told == sorted(told, key=float)  # type: ignore[arg-type]


@pytest.mark.slow
def test_greedy_texts_are_those_of_the_oracle(
    case: stored.TinyCase, model: MistralCausalLM, token_ids: list[int]
) -> None:
    engine = Engine(lambda *_: model, warm_length=0)
    engine.wait()
    try:
        found = greedy_texts(engine, token_ids[:20], [2, 8, 40], 5, None)
        with pytest.raises(ExplainStopped):
            greedy_texts(engine, token_ids, [8], 5, None, stopped=lambda: True)
    finally:
        engine.close()
    assert set(found) == {2, 8}  # 40 is wider than the model's own
    for window, written in found.items():
        config, text = case.config | {"sliding_window": window}, token_ids[:20]
        for _ in range(5):
            logits = numpy_mistral.forward(case.weights, config, text)[-1]
            text = [*text, int(logits.argmax())]
        assert written == tuple(text[20:])
    assert found[2] != found[8]


class ScriptedRun:
    """Writes the window and then 7, and remembers that it was cancelled."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.cancelled = False

    def __iter__(self) -> Iterator[Event]:
        for index, token_id in enumerate((self.request.sliding_window or 0, 7)):
            yield Step(token_id=token_id, index=index, tokens_per_second=1.0)
        failed = self.request.max_new_tokens == 99
        yield Finished(reason="error" if failed else "length", message="It broke.")

    def cancel(self) -> None:
        self.cancelled = True


class ScriptedEngine:
    def __init__(self, model: MistralCausalLM | None) -> None:
        self.model = model
        self.runs: list[ScriptedRun] = []

    def submit(self, request: Request) -> ScriptedRun:
        self.runs.append(ScriptedRun(request))
        return self.runs[-1]


def test_greedy_texts_are_asked_for_together_and_left_together(
    model: MistralCausalLM,
) -> None:
    engine: Any = ScriptedEngine(model)
    told: list[float | None] = []
    found = greedy_texts(
        engine, [1, 2], [3, 8, 40], 5, None, lambda _words, part: told.append(part)
    )
    assert found == {3: (3, 7), 8: (8, 7)}  # 40 is wider than the model's own
    assert told == [0.5, 1]
    assert [run.request.max_new_tokens for run in engine.runs] == [5, 5]
    assert all(run.request.sampler.temperature == 0 for run in engine.runs)
    with pytest.raises(ExplainStopped):
        greedy_texts(engine, [1], [8], 5, None, stopped=lambda: True)
    with pytest.raises(RuntimeError, match="It broke"):
        greedy_texts(engine, [1], [8], 99, None)
    with pytest.raises(ValueError, match="The prompt is empty"):
        greedy_texts(engine, [], [8], 5, None)
    with pytest.raises(ValueError, match="still loading"):
        greedy_texts(ScriptedEngine(None), [1], [8], 5)  # type: ignore[arg-type]
    assert all(run.cancelled for run in engine.runs)


def test_without_greedy_texts_nothing_is_said_of_them(explained: Explained) -> None:
    view = what_if_view(explained, LABELS, [8])
    assert view.windows == (8,)
    assert view.first_difference == (None,)
    assert view.table().rows[0][4] == "-"
    assert "Greedy" not in view.words()


def test_where_two_texts_part() -> None:
    assert first_difference([1, 2, 3], [1, 2, 3]) is None
    assert first_difference([1, 2, 3], [1, 5, 3]) == 1
    assert first_difference([1, 2, 3], [1, 2]) == 2
    assert first_difference([1, 2, 3], None) is None


def test_windows_double_as_long_as_they_bind() -> None:
    assert windows_to_try(100, own=24) == (8, 16, 24, 32, 64, 100)
    assert windows_to_try(64, own=64) == (8, 16, 32, 64)
    assert windows_to_try(5, own=99) == (5,)


def test_salience_in_words_and_rows(
    letters: ByteLevelBPETokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def scripted_salience(_explained: Explained, *where: Any) -> Salience:
        asked.append(where)
        return Salience(
            gradient_times_input=np.array([0.5, -2.0, 1.5, 0.0], np.float32),
            gradient_norm=np.array([1.0, 2.0, 3.0, 0.0], np.float32),
            logprob=math.log(0.25),
        )

    monkeypatch.setattr("playground.views.salience.salience", scripted_salience)
    explained = scripted(random_weights(0, 1, 1, 4), 2, token_ids=[0, 1, 2, 3])
    view = salience_view(explained, letters, 2)
    assert asked[0][:2] == (2, 3)
    np.testing.assert_allclose(view.shares, [0.125, 0.5, 0.375])
    assert view.words() == (
        '“$” had 25.0% after token 2 “#”, of 3 tokens. It depends most on token 1 “"”, '
        "which speaks against it, with 50.0% of all salience. 12.5% lies before token "
        "1, outside of the window."
    )
    two = 2 / math.log(2)  # nats in bits
    assert view.table().rows[1] == pytest.approx((1, '"', -two, 0.5, two))
    assert salience_view(explained, letters, 3, token_id=0).token_label == "!"
    with pytest.raises(ValueError, match="After position 3 no token follows"):
        salience_view(explained, letters, 3)


@pytest.mark.parametrize("kind", ["keys", "values"])
def test_cosines_of_keys_and_values(explained: Explained, kind: str) -> None:
    view = key_similarity_view(explained, 1, 1, LABELS, kind)  # type: ignore[arg-type]
    rows = explained.keys_and_values(1)[kind == "values"][1].astype(np.float64)
    for i, j in ((0, 0), (3, 30), (39, 1)):
        lengths = np.linalg.norm(rows[i]) * np.linalg.norm(rows[j])
        expected = rows[i] @ rows[j] / lengths
        assert view.cosine[i, j] == pytest.approx(expected, abs=1e-5)
    best = view.cosine - 2 * np.eye(40)
    assert view.nearest == tuple(best.argmax(axis=1))
    i, j = np.unravel_index(best.argmax(), best.shape)
    assert f"{best[i, j]:.2f}." in view.words()
    assert len(view.table().rows) == 40


def test_keys_that_cannot_be_compared(explained: Explained) -> None:
    with pytest.raises(ValueError, match="0 to 1, got 2"):
        key_similarity_view(explained, 0, 2, LABELS)
    with pytest.raises(ValueError, match="'keys' or 'values', got 'both'"):
        key_similarity_view(explained, 0, 0, LABELS, "both")  # type: ignore[arg-type]
    long = scripted(np.tile(np.eye(600), (1, 1, 1, 1)))
    with pytest.raises(ValueError, match="up to 512 tokens, this one has 600"):
        key_similarity_view(long, 0, 0, ["x"] * 600)
