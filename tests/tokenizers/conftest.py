"""Small vocabularies of both kinds."""

import io
from collections.abc import Callable, Sequence

import pytest
import sentencepiece

from playground.tokenizers import ByteLevelBPETokenizer
from playground.tokenizers.byte_level_bpe import byte_letters

_WORDS = ["low lower lowest", "new newer newest", "wide wider", "élan naïve ★ x y 12"]


def _train(**settings: object) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_WORDS * 3),
        model_writer=model,
        model_type="bpe",
        num_threads=1,
        minloglevel=2,
        **settings,
    )
    return model.getvalue()


@pytest.fixture(scope="session")
def protos() -> dict[str, bytes]:
    """As Mistral's; with everything at its default; without a space in front."""
    like_mistral = {
        "vocab_size": 310,
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "user_defined_symbols": ["▁▁"],
    }
    return {
        "like_mistral": _train(**like_mistral),
        "default": _train(vocab_size=50),
        "no_prefix": _train(**like_mistral, add_dummy_prefix=False),
    }


@pytest.fixture(scope="session")
def make_bpe() -> Callable[..., ByteLevelBPETokenizer]:
    """Ids 0 and 1 are special, 2 to 257 the bytes, then merges; more on demand."""

    def make(more: Sequence[str] = (), **settings: object) -> ByteLevelBPETokenizer:
        merges = [("l", "o"), ("lo", "w"), ("Ġ", "low"), ("1", "2"), ("Ã", "©")]
        tokens = ["<|end|>", "<|user|>", *byte_letters(), *map("".join, merges)]
        tokens += more
        return ByteLevelBPETokenizer(
            tokens, merges, special_token_ids=[0, 1], **settings
        )

    return make


@pytest.fixture
def known(monkeypatch):
    """Any template is a known one, so that a test needs no process for each text."""
    monkeypatch.setattr("playground.tokenizers.chat._is_known", lambda _: True)
