"""Tokenizers and preprocessors from presets; weights are not read for them."""

import json
import shutil

import numpy as np
import pytest

from playground.models import (
    MistralBackbone,
    MistralCausalLM,
    MistralCausalLMPreprocessor,
    MistralTokenizer,
)
from playground.presets import LoadError
from playground.tokenizers import ByteLevelBPETokenizer, Tokenizer
from tests.presets.huggingface_folder import BY_TRANSFORMERS, FOLDERS


@pytest.fixture(params=["keras_hub", "huggingface"])
def without_weights(request, tmp_path):
    """A preset of each layout, stripped of its weights."""
    folder = shutil.copytree(FOLDERS / request.param, tmp_path / "preset")
    for file in folder.glob("model*"):
        file.unlink()
    return str(folder)


@pytest.fixture
def change(tmp_path):
    """A copy of keras-hub's preset, with other arguments in its preprocessor.json."""

    def change(**arguments):
        folder = shutil.copytree(FOLDERS / "keras_hub", tmp_path / "preset")
        file = folder / "preprocessor.json"
        content = json.loads(file.read_text())
        content["config"] |= arguments
        file.write_text(json.dumps(content))
        return str(folder)

    return change


@pytest.mark.parametrize("owner", [Tokenizer, MistralTokenizer])
def test_a_tokenizer_needs_no_weights(without_weights, owner):
    tokenizer = owner.from_preset(without_weights)
    assert type(tokenizer) is MistralTokenizer
    assert tokenizer.vocabulary_size() == 61
    with pytest.raises(LoadError, match=r"no weights|safetensors"):
        MistralBackbone.from_preset(without_weights)


def test_a_tokenizers_arguments_can_be_overridden(without_weights):
    template = "{{ messages[0].content }}"
    tokenizer = MistralTokenizer.from_preset(
        without_weights, add_start_token=False, chat_template=template
    )
    assert tokenizer.add_start_token is False
    assert tokenizer.chat_template == template
    with pytest.raises(TypeError, match="'start_token_id' cannot be overridden"):
        MistralTokenizer.from_preset(without_weights, start_token_id=3)


def test_random_weights_need_none_either(without_weights):
    model = MistralCausalLM.from_preset(without_weights, load_weights=False)
    embeddings = np.asarray(model.backbone.token_embedding.embeddings.value)
    assert embeddings.shape == (61, 32)
    assert 0.01 < embeddings.std() < 0.03


def test_a_tokenizer_of_another_class_is_refused(smollm2_gguf):
    preset = str(smollm2_gguf)
    assert type(Tokenizer.from_preset(preset)) is ByteLevelBPETokenizer
    with pytest.raises(ValueError, match="has a ByteLevelBPETokenizer, not a Mistral"):
        MistralTokenizer.from_preset(preset)


def test_a_preprocessor_keeps_what_its_preset_says(change):
    folder = change(sequence_length=17, add_start_token=False, add_end_token=False)
    model = MistralCausalLM.from_preset(folder)
    for found in (MistralCausalLMPreprocessor.from_preset(folder), model.preprocessor):
        assert found.sequence_length == 17
        assert found.add_start_token is False
        assert found.add_end_token is False


def test_a_preprocessors_arguments_can_be_overridden(change):
    found = MistralCausalLMPreprocessor.from_preset(
        change(sequence_length=17, add_start_token=False),
        sequence_length=5,
        add_start_token=True,
    )
    assert found.sequence_length == 5
    ids, mask = found.generate_preprocess("the sea", sequence_length=12).values()
    assert ids[0, 0] == found.tokenizer.start_token_id
    assert mask.sum() == 1 + len(found.tokenizer.tokenize("the sea"))


def test_a_saved_preprocessor_comes_back(tmp_path):
    model = MistralCausalLM.from_preset(str(BY_TRANSFORMERS))
    assert model.preprocessor.sequence_length == 1024
    model.preprocessor.sequence_length = 33
    model.preprocessor.add_start_token = model.preprocessor.add_end_token = False
    model.save_to_preset(tmp_path / "mine")
    twin = MistralCausalLM.from_preset(str(tmp_path / "mine")).preprocessor
    assert twin.sequence_length == 33
    assert (twin.add_start_token, twin.add_end_token) == (False, False)


def test_wrong_arguments_are_told_all_at_once(change):
    folder = change(sequence_length=-4, add_end_token="yes")
    with pytest.raises(LoadError) as caught:
        MistralCausalLMPreprocessor.from_preset(folder)
    message = str(caught.value)
    assert "preprocessor.json" in message
    assert "sequence_length must be a whole number above 0, got -4" in message
    assert "add_end_token must be true or false, got 'yes'" in message


def test_a_huge_vocabulary_is_refused_before_anything_is_made_for_it(tmp_path):
    folder = shutil.copytree(BY_TRANSFORMERS, tmp_path / "preset")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 2**45}))
    with pytest.raises(LoadError, match=f"{2**45}; at most 1,048,576"):
        MistralTokenizer.from_preset(str(folder))
