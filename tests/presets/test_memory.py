"""A model that does not fit into memory is refused before it is loaded."""

import pytest

from playground.models import MistralBackbone
from playground.presets import LoadError
from playground.presets.memory import needed_bytes, require_memory
from playground.system import free_memory
from tests.presets.huggingface_folder import BY_TRANSFORMERS

MISTRAL_7B = {
    "vocabulary_size": 32_000,
    "num_layers": 32,
    "num_query_heads": 32,
    "num_key_value_heads": 8,
    "hidden_dim": 4096,
    "head_dim": 128,
    "intermediate_dim": 14_336,
    "tie_word_embeddings": False,
}
PARAMETERS = 7_241_732_096  # as keras-hub says of mistral_7b_en
LARGEST = 4 * 32_000 * 4096
REST = 60_000_000 + 32 * 16_000_000 + 256 * 2**20  # programs, and a text


@pytest.fixture
def free(monkeypatch):
    """Sets how many bytes are free."""

    def free(num_bytes):
        monkeypatch.setattr(free_memory, "free_bytes", lambda: num_bytes)

    return free


@pytest.mark.parametrize(
    ("dtype", "size"), [("float32", 4), ("bfloat16", 2), ("float16", 2), ("int8", 1)]
)
def test_needed_are_the_weights_one_of_them_in_float32_programs_and_a_text(dtype, size):
    assert needed_bytes(MISTRAL_7B, dtype) == size * PARAMETERS + LARGEST + REST


def test_a_model_that_just_fits_is_not_refused(free):
    free(4 * PARAMETERS + LARGEST + REST)
    require_memory("m", MISTRAL_7B)
    free(4 * PARAMETERS + LARGEST + REST - 1)
    with pytest.raises(LoadError):
        require_memory("m", MISTRAL_7B)


def test_on_16_gb_the_refusal_says_what_would_fit(free):
    free(16_000_000_000)
    with pytest.raises(LoadError) as caught:
        require_memory("mistral_7b_en", MISTRAL_7B)
    message = str(caught.value)
    assert "mistral_7b_en has 7.24 billion parameters" in message
    assert "needs 30.3 GB of memory in float32, but 16.0 GB are free" in message
    assert "What would fit: bfloat16 (15.8 GB), int8 (8.6 GB)" in message


def test_where_nothing_fits_a_smaller_model_is_advised(free):
    free(4_000_000_000)
    with pytest.raises(LoadError, match=r"Even int8 would need 8\.6 GB"):
        require_memory("m", MISTRAL_7B, "bfloat16")


def test_an_absurd_model_is_refused_without_counting_its_layers(free):
    free(10**12)
    with pytest.raises(LoadError, match="billion parameters"):
        require_memory("m", {**MISTRAL_7B, "num_layers": 2**50})


@pytest.mark.parametrize("load_weights", [True, False])
def test_loading_asks_first(free, load_weights):
    free(1000)
    with pytest.raises(LoadError, match=r"huggingface has 0\.00 billion parameters"):
        MistralBackbone.from_preset(
            str(BY_TRANSFORMERS), load_weights, dtype="bfloat16"
        )
    free(10**9)
    backbone = MistralBackbone.from_preset(str(BY_TRANSFORMERS), load_weights)
    assert backbone.num_layers == 2
