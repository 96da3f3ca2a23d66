"""What Keras saves is loaded again: the same model, vocabulary, sampler and state."""

import copy
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from playground import samplers
from playground.models import (
    MistralBackbone,
    MistralCausalLM,
    MistralCausalLMPreprocessor,
    MistralTokenizer,
)
from playground.tokenizers import ByteLevelBPETokenizer, Tokenizer
from playground.tokenizers.byte_level_bpe import byte_letters
from tests.conftest import TINY, WORDS

IDS = {"token_ids": np.arange(8)[None] + 3, "padding_mask": np.ones((1, 8))}
SAMPLER = samplers.TopPSampler(p=0.8, seed=3)


def model_of(
    preprocessor: MistralCausalLMPreprocessor | None, **changes: Any
) -> MistralCausalLM:
    sizes = {**TINY, "num_layers": 1, "vocabulary_size": 300, **changes}
    model = MistralCausalLM(MistralBackbone(**sizes), preprocessor)
    model.compile(optimizer=keras.optimizers.Adam(0.01), sampler=SAMPLER)
    return model


def logits(model: Any) -> Any:
    return np.asarray(model(IDS)).astype(np.float32)


def saved_and_loaded(model: Any, folder: Path) -> Any:
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.1, "tie_word_embeddings": True},
        {"dtype": "int8"},
        {"dtype": "int8", "tie_word_embeddings": True},
        {"dtype": "mixed_bfloat16"},
        {"dtype": "bfloat16", "head_dim": None},
    ],
    ids=str,
)
def test_a_saved_model_is_the_model_that_is_loaded(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    model = model_of(None, **changes)
    loaded = saved_and_loaded(model, tmp_path)
    assert type(loaded) is MistralCausalLM
    assert loaded.preprocessor is None
    assert loaded.sampler == SAMPLER
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(logits(loaded), logits(model))


def test_a_copy_writes_what_the_model_writes(
    preprocessor: MistralCausalLMPreprocessor, tmp_path: Path
) -> None:
    model = model_of(preprocessor)
    written = model.generate("the sea")
    for other in (
        saved_and_loaded(model, tmp_path),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        assert other.generate("the sea") == written
        assert other.sampler == SAMPLER
        assert other.preprocessor.get_config() == preprocessor.get_config()
    revived = MistralCausalLM.from_config(model.get_config())
    assert revived.get_config() == model.get_config()
    clone = keras.models.clone_model(model)  # made of the layers' configs
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(logits(clone), logits(model))
    backbone = copy.deepcopy(model.backbone)
    np.testing.assert_array_equal(logits(backbone), logits(model.backbone))


def test_a_file_is_loaded_by_another_process(
    preprocessor: MistralCausalLMPreprocessor, tmp_path: Path
) -> None:
    model = model_of(preprocessor)
    model.save(tmp_path / "model.keras")
    script = (
        "import playground.models, keras\n"
        "model = keras.saving.load_model('model.keras')\n"
        "print(ascii(model.generate('the sea')))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert found.stdout == ascii(model.generate("the sea")) + "\n"


def test_a_checkpoint_goes_on_where_it_was(
    preprocessor: MistralCausalLMPreprocessor, tmp_path: Path
) -> None:
    model = model_of(preprocessor)
    whole, weights = tmp_path / "model.keras", tmp_path / "model.weights.h5"
    callbacks = [
        keras.callbacks.ModelCheckpoint(whole),
        keras.callbacks.ModelCheckpoint(weights, save_weights_only=True),
    ]
    model.fit(WORDS, verbose=0, callbacks=callbacks)
    loaded = keras.saving.load_model(whole)
    assert loaded.optimizer.iterations == model.optimizer.iterations == 1
    other = MistralCausalLM.from_config(model.get_config())
    other.load_weights(weights)
    np.testing.assert_array_equal(logits(loaded), logits(model))
    np.testing.assert_array_equal(logits(other), logits(model))
    again = [each.fit(WORDS, verbose=0).history["loss"] for each in (model, loaded)]
    assert again[0] == pytest.approx(again[1])


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_lora_is_kept_apart_from_its_kernels(dtype: str, tmp_path: Path) -> None:
    model = model_of(None, dtype=dtype)
    plain = model_of(None, dtype=dtype)
    model.backbone.enable_lora(2)
    for variable in model.trainable_variables:
        numbers = np.random.default_rng(0).normal(0, 0.3, variable.shape)
        variable.assign(numbers)
    loaded = saved_and_loaded(model, tmp_path)
    np.testing.assert_array_equal(logits(loaded), logits(model))
    assert len(loaded.trainable_variables) == len(model.trainable_variables) == 4
    for one, other in zip(loaded.variables, model.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    # A model without LoRA has it merged.
    model.save_weights(tmp_path / "model.weights.h5")
    plain.load_weights(tmp_path / "model.weights.h5")
    near = {"float32": 1e-5, "int8": 0.1}[dtype]  # int8 rounds the sum once more
    np.testing.assert_allclose(logits(plain), logits(model), rtol=0, atol=near)
    # And one with LoRA that loads weights without begins with no effect.
    plain.save_weights(tmp_path / "plain.weights.h5")
    loaded.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_array_equal(logits(loaded), logits(plain))
    into = [v for v in loaded.trainable_variables if v.name.endswith("_a")]
    assert all(np.any(np.asarray(variable)) for variable in into)  # so it can learn


def small_bpe() -> ByteLevelBPETokenizer:
    letters = byte_letters()
    return ByteLevelBPETokenizer(
        ["<s>", "</s>", "<|im_end|>", "<w>", *letters, "th", "the"],
        [("t", "h"), ("th", "e")],
        pre_tokenizer="tekken",
        ignore_merges=True,
        start_token_id=0,
        end_token_id=1,
        pad_token_id=1,
        special_token_ids=[0, 1, 2],
        user_token_ids=[3],
        stop_token_ids=[2],
        add_start_token=True,
        chat_template="{{ messages }}",
    )


def both_tokenizers(preprocessor: MistralCausalLMPreprocessor) -> list[Tokenizer]:
    return [preprocessor.tokenizer, small_bpe()]


def test_a_tokenizers_config_makes_it_again(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    text = "the <w> sea 東 <s></s>"
    for tokenizer in both_tokenizers(preprocessor):
        for other in (
            type(tokenizer).from_config(tokenizer.get_config()),
            copy.deepcopy(tokenizer),
            pickle.loads(pickle.dumps(tokenizer)),
            keras.saving.deserialize_keras_object(
                keras.saving.serialize_keras_object(tokenizer)
            ),
        ):
            ids = tokenizer.tokenize(text, special=True)
            assert other.tokenize(text, special=True) == ids
            assert other.detokenize(ids) == tokenizer.detokenize(ids)
            assert other.get_config() == tokenizer.get_config()
            for name in ("start_token_id", "stop_token_ids", "chat_template"):
                assert getattr(other, name) == getattr(tokenizer, name)


def test_a_config_has_every_argument_of_the_constructor(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    model = model_of(preprocessor)
    for thing in (
        *both_tokenizers(preprocessor),
        preprocessor,
        *(each() for each in samplers.serialization.SAMPLERS.values()),
    ):
        arguments = set(inspect.signature(type(thing).__init__).parameters)
        assert set(thing.get_config()) == arguments - {"self"}, type(thing)
    arguments = set(inspect.signature(MistralBackbone.__init__).parameters)
    not_kept = {"self", "kwargs", "kernel_initializer"}
    config = set(model.backbone.get_config()) - {"name", "trainable"}
    assert config == arguments - not_kept


@pytest.mark.parametrize("proto", ["/etc/hostname", "x" * 4096, None, 3])
def test_a_tokenizers_config_holds_no_path(proto: Any) -> None:
    with pytest.raises(ValueError, match=r"base64|Not a SentencePiece model"):
        MistralTokenizer.from_config({"proto": proto})


def test_samplers_are_objects_of_keras() -> None:
    for sampler in (
        samplers.GreedySampler(),
        samplers.TopKSampler(k=3, seed=5),
        samplers.TopPSampler(p=0.3, k=4, temperature=0.5),
        samplers.BeamSampler(num_beams=3, return_all_beams=True),
        samplers.ContrastiveSampler(k=3, alpha=0.2),
        samplers.ChainSampler(top_k=3, logit_bias={3: 2.0}, dry_breakers=[4]),
    ):
        form = keras.saving.serialize_keras_object(sampler)
        assert form["registered_name"] == f"mistral_playground>{type(sampler).__name__}"
        assert keras.saving.deserialize_keras_object(form) == sampler
