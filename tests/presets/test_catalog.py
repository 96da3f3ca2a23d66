"""The presets that have a name, as their classes list them."""

import pytest

from playground.models import (
    MistralBackbone,
    MistralCausalLM,
    MistralCausalLMPreprocessor,
    MistralTokenizer,
)
from playground.presets import (
    DEFAULT_PRESET,
    PRESETS,
    LoadError,
    is_on_this_machine,
    resolve,
)
from playground.presets.source import fault_of_name
from playground.tokenizers import ByteLevelBPETokenizer, Tokenizer

# keras-hub 0.32.0, keras_hub/src/models/mistral/mistral_presets.py.
KERAS_HUBS = {
    "mistral_7b_en": (7_241_732_096, 8),
    "mistral_0.3_7b_en": (7_248_023_552, 1),
    "mistral_instruct_7b_en": (7_241_732_096, 8),
    "mistral_0.2_instruct_7b_en": (7_241_732_096, 3),
    "mistral_0.3_instruct_7b_en": (7_248_023_552, 1),
}
OWN = "shakespeare_mistral"


@pytest.mark.parametrize("name", KERAS_HUBS)
def test_keras_hubs_names_lead_to_the_same_files(name):
    parameters, version = KERAS_HUBS[name]
    found = MistralCausalLM.presets[name]
    assert found["metadata"]["params"] == parameters
    assert found["kaggle_handle"] == f"kaggle://keras/mistral/keras/{name}/{version}"


@pytest.mark.parametrize(
    "owner", [MistralBackbone, MistralCausalLM, MistralCausalLMPreprocessor, Tokenizer]
)
def test_all_of_them_are_listed_with_words(owner):
    assert set(owner.presets) == {"smollm2_135m_instruct", OWN, *KERAS_HUBS}
    for preset in owner.presets.values():
        assert preset["metadata"].keys() == {"description", "params", "path"}
        assert preset["metadata"]["description"].endswith(".")


def test_a_tokenizer_lists_those_made_for_it():
    assert set(MistralTokenizer.presets) == {OWN, *KERAS_HUBS}
    assert set(ByteLevelBPETokenizer.presets) == set(PRESETS) - {OWN, *KERAS_HUBS}


def test_an_object_lists_what_its_class_lists(smollm2_gguf):
    tokenizer = Tokenizer.from_preset(str(smollm2_gguf))
    assert tokenizer.presets == ByteLevelBPETokenizer.presets


def test_a_copy_without_the_small_model_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("playground.presets.catalog.asset_folder", lambda: tmp_path)
    assert not is_on_this_machine(PRESETS[OWN])
    with pytest.raises(LoadError, match="a whole copy of the repository"):
        resolve(OWN)


def test_a_name_is_found_or_refused_before_anything_is_read(tmp_path):
    (tmp_path / "tiny.gguf").touch()
    found = (DEFAULT_PRESET, OWN, "hf://a/b", "kaggle://a/b", str(tmp_path))
    for name in (*found, str(tmp_path / "tiny.gguf")):
        assert fault_of_name(name) is None
    (tmp_path / "tiny.txt").touch()
    for name in ("nope", str(tmp_path / "other.gguf"), str(tmp_path / "tiny.txt")):
        fault = fault_of_name(name)
        assert fault is not None
        assert "is not a model. Give a preset's name" in fault
