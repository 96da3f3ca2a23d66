"""`fit`, `evaluate`, `predict`, `score` and LoRA; and that `generate` follows."""

import keras
import numpy as np
import pytest

from playground.models import (
    MistralBackbone,
    MistralCausalLM,
    MistralCausalLMPreprocessor,
)
from tests.conftest import TINY, WORDS, tiny_model
from tests.oracles import numpy_mistral

# float32 in three layers, logits up to about 20.
FLOAT32 = 1e-4


def copy_of(weights: list[keras.Variable]) -> list[np.ndarray]:
    return [np.array(weight.value) for weight in weights]


def test_labels_are_the_same_tokens_one_step_later(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    x, y, weights = preprocessor(["a", "the sea is wide and wider"], sequence_length=6)
    ids = preprocessor.prompt_ids("a")
    start, end = preprocessor.tokenizer.start_token_id, 2
    assert ids[0] == start
    assert x["token_ids"].shape == y.shape == weights.shape == (2, 6)
    whole = [*ids, end]
    assert x["token_ids"][0, : len(whole)].tolist() == whole
    assert y[0, : len(ids)].tolist() == whole[1:]
    assert weights[0].tolist() == [1] * len(ids) + [0] * (6 - len(ids))
    assert x["padding_mask"][0].sum() == len(whole)
    # The long text is cut, and its end is still the end token.
    assert y[1, -1] == end
    assert weights[1].all()


def test_prompts_are_padded_and_come_back_as_text(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    padded = preprocessor.generate_preprocess(WORDS[:2])
    assert padded["token_ids"].shape == (2, 12)
    assert preprocessor.generate_postprocess(padded) == WORDS[:2]
    with pytest.raises(ValueError, match="sequence length of 2"):
        preprocessor.generate_preprocess(WORDS, sequence_length=2)


def test_fit_on_raw_text_learns_it_and_generate_says_it(
    reader: MistralCausalLM,
) -> None:
    reader.compile(optimizer=keras.optimizers.Adam(0.02), sampler="greedy")
    before = reader.generate("the sea is")
    history = reader.fit(["the sea is wide"] * 4, epochs=60, batch_size=4, verbose=0)
    assert history.history["loss"][-1] < 0.1 < history.history["loss"][0]
    assert reader.generate("the sea is") == "the sea is wide"
    assert before != "the sea is wide"
    assert reader.evaluate(["the sea is wide"], verbose=0)[0] < 0.1


def test_fit_takes_token_ids_without_a_preprocessor() -> None:
    model = tiny_model()
    ids = np.random.default_rng(0).integers(0, 97, (4, 9))
    x = {"token_ids": ids[:, :-1], "padding_mask": np.ones((4, 8))}
    model.compile(optimizer=keras.optimizers.SGD(0.01))
    losses = model.fit(x, ids[:, 1:], epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_the_first_loss_is_the_mean_surprisal_of_the_labels() -> None:
    model = tiny_model()
    ids = np.random.default_rng(0).integers(0, 97, (2, 9))
    x = {"token_ids": ids[:, :-1], "padding_mask": np.ones((2, 8))}
    model.compile()
    loss, _ = model.evaluate(x, ids[:, 1:], verbose=0)
    scores = model.score(x["token_ids"], scoring_mode="loss", target_ids=ids[:, 1:])
    assert loss == pytest.approx(float(np.mean(scores)), rel=1e-5)


def test_predict_gives_logits(reader: MistralCausalLM) -> None:
    logits = reader.predict(WORDS, verbose=0)
    assert logits.shape == (4, 12, reader.backbone.vocabulary_size)


def test_score_gives_the_models_logits_and_surprisals(tiny: MistralCausalLM) -> None:
    ids = np.random.default_rng(1).integers(0, 97, (1, 12))
    weights = {v.path: np.asarray(v.value) for v in tiny.backbone.variables}
    config = tiny.backbone.get_config()
    expected = numpy_mistral.forward(weights, config, ids[0].tolist())
    np.testing.assert_allclose(tiny.score(ids)[0], expected, rtol=0, atol=FLOAT32)
    chances = np.exp(expected) / np.exp(expected).sum(axis=-1, keepdims=True)
    surprisals = -np.log(chances[np.arange(11), ids[0, 1:]])
    scored = tiny.score(ids[:, :-1], scoring_mode="loss", target_ids=ids[:, 1:])
    np.testing.assert_allclose(scored[0], surprisals, rtol=0, atol=FLOAT32)


def test_score_shows_and_changes_what_passes_between_layers(
    tiny: MistralCausalLM,
) -> None:
    ids, seen = np.array([[1, 2, 3]]), []

    def look(x, layer):
        seen.append((layer, x.shape))
        return x

    plain = tiny.score(ids, layer_intercept_fn=look)
    assert seen == [(layer, (1, 3, 24)) for layer in (-1, 0, 1, 2)]
    np.testing.assert_array_equal(plain, tiny.score(ids))

    changed = tiny.score(
        ids, layer_intercept_fn=lambda x, layer: x * 0 if layer == 2 else x
    )
    np.testing.assert_array_equal(changed, np.zeros_like(changed))


def test_score_refuses_what_it_cannot_do(tiny: MistralCausalLM) -> None:
    with pytest.raises(ValueError, match="'logits' or 'loss'"):
        tiny.score([[1]], scoring_mode="entropy")
    with pytest.raises(ValueError, match="needs `target_ids`"):
        tiny.score([[1]], scoring_mode="loss")


def test_lora_begins_without_effect_trains_alone_and_changes_the_text(
    reader: MistralCausalLM,
) -> None:
    reader.compile(sampler="greedy")
    before = reader.generate("the sky")
    reader.backbone.enable_lora(2)
    assert reader.generate("the sky") == before
    names = {variable.path.split("/", 1)[1] for variable in reader.trainable_variables}
    assert names == {
        f"self_attention/{dense}/lora_kernel_{half}"
        for dense in ("query", "value")
        for half in "ab"
    }
    frozen = copy_of(reader.non_trainable_variables)
    reader.compile(optimizer=keras.optimizers.Adam(0.05), sampler="greedy")
    reader.fit(WORDS, epochs=5, verbose=0)
    for old, now in zip(frozen, copy_of(reader.non_trainable_variables), strict=True):
        np.testing.assert_array_equal(old, now)
    assert reader.generate("the sky") != before
    with pytest.raises(ValueError, match="whole number from 1"):
        reader.backbone.enable_lora(0)


def test_dropout_acts_in_training_only() -> None:
    model = tiny_model(dropout=0.5)
    x = {"token_ids": np.array([[1, 2, 3]]), "padding_mask": np.ones((1, 3))}
    still = np.asarray(model(x))
    np.testing.assert_array_equal(model(x, training=False), still)
    np.testing.assert_array_equal(tiny_model()(x), still)
    assert np.abs(np.asarray(model(x, training=True)) - still).max() > 0.1


def test_a_config_makes_the_same_model_again() -> None:
    backbone = tiny_model(rope_scaling_factor=2.0, tie_word_embeddings=True).backbone
    twin = MistralBackbone.from_config(backbone.get_config())
    twin.set_weights(backbone.get_weights())
    x = {"token_ids": np.array([[1, 2, 3]]), "padding_mask": np.ones((1, 3))}
    np.testing.assert_array_equal(twin(x), backbone(x))
    assert twin.get_config() == backbone.get_config()


def test_the_documented_defaults_are_the_defaults() -> None:
    sizes = {
        name: TINY[name]
        for name in (
            "vocabulary_size",
            "num_layers",
            "num_query_heads",
            "intermediate_dim",
            "num_key_value_heads",
        )
    }
    config = MistralBackbone(**sizes, hidden_dim=24).get_config()
    assert config["rope_max_wavelength"] == 10000
    assert config["rope_scaling_factor"] == 1.0
    assert config["layer_norm_epsilon"] == 1e-6
    assert config["sliding_window"] == 512
    assert config["dropout"] == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_query_heads": 3}, "multiple of `num_key_value_heads`"),
        ({"num_query_heads": 10, "head_dim": None}, "otherwise give `head_dim`"),
        ({"head_dim": 5}, "must be even"),
        ({"sliding_window": 0}, "`sliding_window` must be"),
        ({"num_layers": 1.5}, "`num_layers` must be"),
        ({"dropout": 1}, "`dropout` must be"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        MistralBackbone(**{**TINY, **changes})


def test_the_inside_stays_float32_in_bfloat16() -> None:
    half = MistralBackbone(**TINY, dtype="bfloat16")
    whole = MistralBackbone(**TINY, dtype="float32")
    half.set_weights(whole.get_weights())
    x = {"token_ids": np.arange(9)[None], "padding_mask": np.ones((1, 9))}
    assert half(x).dtype == "bfloat16"
    # bfloat16 keeps 8 bits; outputs of the last norm are about 1.
    near = np.asarray(half(x)).astype("float32")
    np.testing.assert_allclose(near, np.asarray(whole(x)), rtol=0, atol=0.2)


def test_mixed_precision_keeps_float32_weights() -> None:
    backbone = MistralBackbone(**TINY, dtype="mixed_bfloat16")
    x = {"token_ids": np.arange(9)[None], "padding_mask": np.ones((1, 9))}
    assert {str(weight.dtype) for weight in backbone.weights} == {"float32"}
    assert backbone(x).dtype == "bfloat16"


def test_token_embedding_is_keras_embedding(tiny: MistralCausalLM) -> None:
    embedding = tiny.backbone.token_embedding
    assert isinstance(embedding, keras.layers.Embedding)
    assert embedding(np.array([[3]])).shape == (1, 1, 24)
