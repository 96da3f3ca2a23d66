"""Added tokens are cut out of a text as transformers and llama.cpp do.

One difference is kept: where a text has a space after such a token, these write another
one, as in "<s> Hi"; ours and Mistral's own code do not. No text here has one.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground.presets import LoadError
from playground.presets.gguf.file import GGUFFile
from playground.presets.gguf.tokenizer import tokenizer_from_metadata
from playground.presets.huggingface.tokenizer import tokenizer_from_folder
from playground.presets.vocabulary import AddedToken, extended_proto
from playground.tokenizers import MistralTokenizer, TextStream, Tokenizer
from tests.mistral_vocabularies import mistral_vocabulary
from tests.oracles.make_added_tokens_oracle import (
    ADDED,
    FILES,
    FOLDERS,
    TEXTS,
    settings_of,
)
from tests.presets.huggingface_folder import write_file

_ORACLE = Path(__file__).parents[1] / "oracles" / "added_tokens.json"
CHATML = TEXTS[0]
CHATML_IDS = [32001, 2188, 13, 23809, 32000, 28705, 13]


@pytest.fixture(scope="module")
def stored():
    return json.loads(_ORACLE.read_text())


@pytest.fixture(scope="module")
def pieces():
    path = mistral_vocabulary("v1")
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


@pytest.fixture
def folder(tmp_path):
    """A tokenizer of a folder with Mistral's first vocabulary and these files."""

    def load(**files) -> Tokenizer:
        if not (tmp_path / "tokenizer.model").exists():
            (tmp_path / "tokenizer.model").symlink_to(mistral_vocabulary("v1"))
        for name, content in files.items():
            write_file(tmp_path / name.replace("__", "."), content)
        return tokenizer_from_folder(tmp_path, {}, 32_002)

    return load


@pytest.fixture
def gguf(pieces):
    """A tokenizer of a GGUF file with that vocabulary."""

    def load(kind=4, added=ADDED, **metadata) -> Tokenizer:
        ids = range(pieces.get_piece_size())
        kinds = [6 if pieces.is_byte(i) else 1 for i in ids]
        kinds[:3] = 2, 3, 3
        known = [pieces.id_to_piece(i) for i in ids]
        scores = [pieces.get_score(i) for i in ids] + [-1000.0] * len(added)
        metadata = {"model": "llama", **metadata}
        arrays = {
            "tokens": [*known, *added.values()],
            "scores": np.array(scores, np.float32),
            "token_type": np.array(kinds + [kind] * len(added)),
        }
        return tokenizer_from_metadata(
            GGUFFile(
                path=Path("tokenizer.gguf"),
                metadata={
                    name if "." in name else f"tokenizer.ggml.{name}": value
                    for name, value in metadata.items()
                },
                arrays={f"tokenizer.ggml.{key}": v for key, v in arrays.items()},
                tensors={},
            )
        )

    return load


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folders_added_tokens_are_cut_out_as_in_transformers(folder, stored, name):
    tokenizer = folder(tokenizer_config__json=settings_of(**FOLDERS[name]))
    for text, expected in zip(TEXTS, stored["transformers says"][name], strict=True):
        assert tokenizer.tokenize(text, special=True) == expected, repr(text)


@pytest.mark.parametrize("name", FILES)
def test_a_files_added_tokens_are_cut_out_as_in_llama_cpp(gguf, stored, name):
    kind, prefix = FILES[name]
    tokenizer = gguf(kind, add_space_prefix=prefix)
    for text, expected in zip(TEXTS, stored["llama.cpp says"][name], strict=True):
        assert tokenizer.tokenize(text, special=True) == expected, repr(text)


def test_a_chat_does_not_begin_with_a_space(folder, gguf, stored):
    assert stored["llama.cpp says"]["user-defined"][0] == CHATML_IDS
    not_special = folder(tokenizer_config__json=settings_of(special=False))
    for tokenizer in (not_special, gguf()):
        assert tokenizer.tokenize(CHATML, special=True) == CHATML_IDS
        assert tokenizer.tokenize(CHATML) == CHATML_IDS


@pytest.mark.parametrize("where", ["added_tokens.json", "tokenizer.json"])
def test_added_tokens_of_other_files_are_cut_out_too(folder, where):
    values = {text: id_ for id_, text in ADDED.items()}
    if where == "tokenizer.json":
        tokens = [{"id": i, "content": text} for i, text in ADDED.items()]
        values = {"added_tokens": tokens}
    tokenizer = folder(**{where.replace(".", "__"): values})
    assert tokenizer.tokenize(CHATML, special=True) == CHATML_IDS


@pytest.fixture(scope="module")
def mistral():
    """Mistral's first vocabulary with two marks and a word."""
    added = [
        AddedToken(id=32_000, text="<|im_end|>", special=False),
        AddedToken(id=32_001, text="<|im_start|>", special=True),
        AddedToken(id=32_002, text="a tool", special=False),
    ]
    proto, _ = extended_proto(mistral_vocabulary("v1").read_bytes(), added, 32_003)
    return MistralTokenizer(proto)


_PARTS = st.lists(
    st.sampled_from(["<|im_end|>", "a tool", "<|im_start|>", "Hi", " Hi", " ", "\n"])
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁"))
)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(parts=_PARTS)
def test_a_text_comes_back_but_for_spaces_behind_added_tokens(mistral, parts):
    text = "".join(parts)
    ids = mistral.tokenize(text, special=True)
    back = mistral.detokenize(ids)
    # At most one space more behind each, and none again when it is read once more.
    names = [text for text in ("<|im_end|>", "a tool") if text in back]
    for name in ["<|im_start|>", *names]:
        text, back = text.replace(f"{name} ", name), back.replace(f"{name} ", name)
    if "<|im_start|>" not in text:
        assert back == text
    stream = TextStream(mistral)
    streamed = "".join(map(stream.push, ids)) + stream.flush()
    assert streamed == mistral.detokenize(ids)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(parts=_PARTS)
def test_reading_a_text_that_was_written_gives_its_ids(mistral, parts):
    text = "".join(parts).replace("<|im_start|>", "")
    ids = mistral.tokenize(text)
    assert mistral.tokenize(mistral.detokenize(ids)) == ids


@pytest.mark.parametrize(
    ("settings", "first"),
    [({}, "▁low"), ({"add_prefix_space": False}, "lo"), ({"legacy": False}, "▁low")],
)
def test_no_space_comes_first_where_a_folder_says_so(
    tmp_path, tiny_proto, settings, first
):
    write_file(tmp_path / "tokenizer.model", tiny_proto)
    write_file(tmp_path / "tokenizer_config.json", settings)
    tokenizer = tokenizer_from_folder(tmp_path, {}, 300)
    ids = tokenizer.tokenize("low")
    assert tokenizer.id_to_token(ids[0]) == first
    assert tokenizer.detokenize(ids) == "low"
    assert tokenizer.detokenize(tokenizer.tokenize(" low")) == " low"


@pytest.mark.parametrize("kind", [3, 4])
@pytest.mark.parametrize(
    "name",
    ["<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|endoftext|>", "[EOT]", "_<EOT>"],
)
def test_a_file_ends_a_turn_at_tokens_that_llama_cpp_knows_by_name(gguf, kind, name):
    tokenizer = gguf(kind, {32_000: name, 32_001: "<|user|>"})
    assert tokenizer.stop_token_ids == {2, 32_000}
    assert tokenizer.token_bytes(32_000) == b""  # it is not a part of the answer
    assert tokenizer.detokenize([32_000, 23_809]) == "Hi"


def test_a_word_of_such_a_name_ends_nothing(gguf):
    assert gguf(1).stop_token_ids == {2}


def test_ids_that_a_file_gives_end_a_turn(gguf):
    tokenizer = gguf(3, {32_000: "<a>", 32_001: "<b>"}, eot_token_id=32_000)
    assert tokenizer.stop_token_ids == {2, 32_000}
    tokenizer = gguf(3, {32_000: "<a>", 32_001: "<b>"}, fim_pad_token_id=32_001)
    assert tokenizer.stop_token_ids == {2, 32_001}


def test_the_end_of_a_turn_in_a_folders_template_ends_an_answer(folder):
    files = {"tokenizer_config__json": settings_of(special=False)}
    assert folder(**files).stop_token_ids == {2}
    template = "{{ '<|im_start|>' + messages[0].content + '<|im_end|>' }}"
    tokenizer = folder(**files, chat_template__jinja=template)
    assert tokenizer.stop_token_ids == {2, 32_000}
    assert tokenizer.token_bytes(32_000) == b""
    assert tokenizer.token_bytes(32_001) == b"<|im_start|>"


@pytest.mark.parametrize("name", ["mistral-v7-tekken", " chatml\n"])
def test_a_files_template_may_be_the_name_of_one_of_llama_cpp(gguf, name):
    tokenizer = gguf(3, **{"tokenizer.chat_template": name})
    assert "messages" in tokenizer.chat_template


def test_another_name_is_refused(gguf):
    with pytest.raises(LoadError, match=r"'command-r', which is neither .* chatml"):
        gguf(3, **{"tokenizer.chat_template": "command-r"})
