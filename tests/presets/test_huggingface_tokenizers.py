"""A folder's tokenizer says what the package that wrote it says."""

import json

import pytest
import sentencepiece
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from playground.presets import LoadError
from playground.presets.huggingface.tokenizer import tokenizer_from_folder
from playground.presets.huggingface.tokenizer_json import sentencepiece_scores
from playground.tokenizers.byte_level_bpe import byte_letters
from playground.tokenizers.word_patterns import PRE_TOKENIZERS, word_cutter
from tests.oracles.tokenizer_texts import varied_texts
from tests.presets.huggingface_folder import write_file

TEXTS = [
    "low lower lowest",
    " newest  widest",
    "   three spaces",
    "élan ★ \U0001f600 12345",
    "",
    " ",
    "lowlowlow\n\twide",
    "xyz 123 x1y2",
]
CONFIG = {"bos_token_id": 1, "eos_token_id": 2}


@pytest.fixture
def load(tmp_path):
    """The tokenizer of a folder that holds these files."""

    def load(vocabulary_size=300, config=CONFIG, **files):
        for name, content in files.items():
            write_file(tmp_path / name.replace("__", "."), content)
        return tokenizer_from_folder(tmp_path, config, vocabulary_size)

    return load


@pytest.fixture(scope="session")
def spm_json(tiny_proto):
    """That SentencePiece model as transformers converts it: all pairs, by score."""
    pieces = sentencepiece.SentencePieceProcessor(model_proto=tiny_proto)
    tokens = [pieces.id_to_piece(id_) for id_ in range(pieces.get_piece_size())]
    vocab = {token: id_ for id_, token in enumerate(tokens)}
    ordinary = [token for token in tokens if not token.startswith("<")]
    cuts = [(t[:cut], t[cut:]) for t in ordinary for cut in range(1, len(t))]
    merges = [cut for cut in cuts if set(cut) <= set(ordinary)]
    merges.sort(key=lambda cut: -pieces.get_score(vocab["".join(cut)]))
    whole = tokenizers.Tokenizer(
        models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    whole.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    whole.add_special_tokens(["<unk>", "<s>", "</s>"])
    whole.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    whole.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return json.loads(whole.to_str())


@pytest.fixture(scope="session")
def bpe_json():
    """A byte-level tokenizer like SmolLM2's."""
    merges = [("l", "o"), ("lo", "w"), ("Ġ", "low"), ("e", "r"), ("1", "2")]
    tokens = ["<|end|>", "<|start|>", *byte_letters(), *map("".join, merges)]
    vocab = {token: id_ for id_, token in enumerate(tokens)}
    whole = tokenizers.Tokenizer(models.BPE(vocab, merges))
    whole.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    whole.post_processor = processors.ByteLevel(trim_offsets=True)
    whole.decoder = decoders.ByteLevel()
    whole.add_special_tokens(["<|end|>", "<|start|>"])
    return json.loads(whole.to_str())


def reference(values) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_str(json.dumps(values))


def test_sentencepiece_file_is_used_as_it_is(load, tiny_proto):
    tokenizer = load(tokenizer__model=tiny_proto)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=tiny_proto)
    for text in TEXTS:
        assert tokenizer.tokenize(text) == pieces.encode(text)
    assert (tokenizer.start_token_id, tokenizer.end_token_id) == (1, 2)
    assert tokenizer.pad_token_id is None
    assert tokenizer.add_start_token is True
    assert tokenizer.vocabulary_size() == 300


# Hugging Face puts no space before nothing.
@pytest.mark.parametrize("text", [text for text in TEXTS if text])
def test_sentencepiece_in_json_splits_as_its_package_does(load, spm_json, text):
    tokenizer = load(tokenizer__json=spm_json)
    expected = reference(spm_json).encode(text, add_special_tokens=False).ids
    assert tokenizer.tokenize(text) == expected
    assert tokenizer.detokenize(expected) == text


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(text=st.text("lowernstid xyz\n1é★", min_size=1))
def test_sentencepiece_in_json_on_any_text(load, spm_json, text):
    tokenizer = load(tokenizer__json=spm_json)
    expected = reference(spm_json).encode(text, add_special_tokens=False).ids
    assert tokenizer.tokenize(text) == expected


@pytest.mark.parametrize("text", TEXTS)
def test_byte_level_bpe_splits_as_its_package_does(load, bpe_json, text):
    tokenizer = load(vocabulary_size=263, tokenizer__json=bpe_json)
    assert tokenizer.tokenize(text) == reference(bpe_json).encode(text).ids
    assert tokenizer.add_start_token is False


@pytest.mark.parametrize("ignore_merges", [False, True])
@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_each_known_way_to_cut_words_is_read_and_followed(
    load, bpe_json, name, ignore_merges
):
    part = json.loads(word_cutter(name).__getstate__())
    model = bpe_json["model"]
    # A word that no merges lead to.
    vocab = model["vocab"] | {"wide": 263, "Ġ12": 264}
    model = model | {"ignore_merges": ignore_merges, "vocab": vocab}
    values = bpe_json | {"pre_tokenizer": part, "model": model}
    tokenizer = load(vocabulary_size=265, tokenizer__json=values)
    for text in (*TEXTS, *varied_texts()[::20]):
        assert tokenizer.tokenize(text) == reference(values).encode(text).ids
    assert (263 in tokenizer.tokenize("wide")) == ignore_merges


@pytest.mark.parametrize(
    "changes",
    [
        {"invert": True},
        {"behavior": "Removed"},
        {"pattern": {"String": " "}},
        {"pattern": {"Regex": "(a+)+$"}},
        {"extra": 1},
    ],
)
def test_another_way_to_split_is_refused(load, bpe_json, changes):
    part = json.loads(word_cutter("tekken").__getstate__())
    part["pretokenizers"][0] |= changes
    with pytest.raises(LoadError, match="llama-bpe, qwen2, tekken are supported"):
        load(vocabulary_size=263, tokenizer__json=bpe_json | {"pre_tokenizer": part})


@pytest.mark.parametrize("scheme", ["first", "always"])
def test_a_space_after_a_special_token_is_as_its_package_has_it(load, spm_json, scheme):
    part = {"type": "Metaspace", "replacement": "▁", "split": False}
    values = spm_json | {
        "normalizer": None,
        "pre_tokenizer": part | {"prepend_scheme": scheme},
        "post_processor": None,
    }
    tokenizer = load(tokenizer__json=values)
    for text in ["<s>low", "<s> low", "<s>  low", "x<s>low </s> <s>\nlow", "<s></s>"]:
        expected = reference(values).encode(text).ids
        assert tokenizer.tokenize(text, special=True) == expected, text


def test_legacy_says_whether_a_space_follows_a_special_token(load, tiny_proto):
    tokens = {}
    for legacy in (True, False, None):
        settings = {} if legacy is None else {"legacy": legacy}
        files = {"tokenizer__model": tiny_proto, "tokenizer_config__json": settings}
        tokenizer = load(**files)
        ids = tokenizer.tokenize("<s>low<s> low", special=True)
        tokens[legacy] = [tokenizer.id_to_token(id_) for id_ in ids]
    assert tokens[True] == tokens[None] == ["<s>", "▁low", "<s>", "▁low"]
    assert tokens[False] == ["<s>", "lo", "w", "<s>", "▁low"]


def test_metaspace_is_the_newer_way_to_write_the_same(load, spm_json):
    space = {"type": "Metaspace", "replacement": "▁", "split": False}
    expected = load(tokenizer__json=spm_json).tokenize(TEXTS[0])
    for scheme, ids in [("first", expected), ("always", expected), ("never", None)]:
        part = space | {"prepend_scheme": scheme}
        values = spm_json | {"normalizer": None, "pre_tokenizer": part}
        ids = ids or reference(values).encode(TEXTS[0], add_special_tokens=False).ids
        assert load(tokenizer__json=values).tokenize(TEXTS[0]) == ids
    assert ids != expected


def test_added_tokens_behind_a_sentencepiece_file(load, tiny_proto):
    settings = {
        "added_tokens_decoder": {
            "1": {"content": "<s>", "special": True},
            "300": {"content": "<|im_start|>", "special": True},
            "301": {"content": "a tool", "special": False},
        }
    }
    files = {"tokenizer__model": tiny_proto, "tokenizer_config__json": settings}
    tokenizer = load(vocabulary_size=304, **files)
    assert tokenizer.tokenize("<|im_start|>", special=True) == [300]
    assert 301 in tokenizer.tokenize("low a tool low")
    assert tokenizer.detokenize([301]) == "a tool"
    assert tokenizer.token_bytes(300) == b""
    assert tokenizer.id_to_token(303) == "[PAD303]"
    assert {300, 302, 303} <= tokenizer.special_token_ids
    pieces = sentencepiece.SentencePieceProcessor(model_proto=tiny_proto)
    assert tokenizer.tokenize(TEXTS[0]) == pieces.encode(TEXTS[0])


def test_ids_without_a_token_are_special(load, bpe_json):
    tokenizer = load(vocabulary_size=270, tokenizer__json=bpe_json)
    assert tokenizer.vocabulary_size() == 270
    assert tokenizer.detokenize([269, 2 + ord("a") - 33]) != ""
    assert tokenizer.token_bytes(269) == b""


def test_start_end_and_stop_tokens(load, bpe_json):
    settings = {"bos_token": "<|start|>", "eos_token": {"content": "<|end|>"}}
    tokenizer = load(
        vocabulary_size=263,
        tokenizer__json=bpe_json,
        tokenizer_config__json=settings | {"add_bos_token": True, "pad_token": "low"},
        generation_config__json={"eos_token_id": [0, 5]},
    )
    assert (tokenizer.start_token_id, tokenizer.end_token_id) == (1, 0)
    assert tokenizer.pad_token_id == reference(bpe_json).token_to_id("low")
    assert tokenizer.stop_token_ids == {0, 5}
    assert tokenizer.add_start_token is True


def test_ids_in_config_json_are_the_last_resort(load, bpe_json):
    config = {"bos_token_id": 1, "eos_token_id": [0, 7], "pad_token_id": 3}
    tokenizer = load(vocabulary_size=263, config=config, tokenizer__json=bpe_json)
    assert (tokenizer.start_token_id, tokenizer.end_token_id) == (1, 0)
    assert tokenizer.pad_token_id == 3
    assert tokenizer.stop_token_ids == {0, 7}


def test_a_template_that_adds_the_start_token_is_followed(load, spm_json):
    assert load(tokenizer__json=spm_json).add_start_token is True
    settings = {"add_bos_token": False}
    files = {"tokenizer__json": spm_json, "tokenizer_config__json": settings}
    assert load(**files).add_start_token is False


@pytest.mark.parametrize(
    ("files", "template"),
    [
        ({"tokenizer_config__json": {"chat_template": "one"}}, "one"),
        (
            {
                "tokenizer_config__json": {
                    "chat_template": [
                        {"name": "tool_use", "template": "no"},
                        {"name": "default", "template": "two"},
                    ]
                }
            },
            "two",
        ),
        (
            {
                "tokenizer_config__json": {"chat_template": "old"},
                "chat_template__jinja": "three",
            },
            "three",
        ),
        ({}, None),
    ],
)
def test_chat_template_from_each_of_its_places(load, tiny_proto, files, template):
    assert load(tokenizer__model=tiny_proto, **files).chat_template == template


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"normalizer": {"type": "NFC"}}, "'NFC'"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "'Whitespace'"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "gpt-2, smollm, llama-bpe, qwen2"),
        ({"post_processor": {"type": "BertProcessing"}}, "'BertProcessing'"),
        ({"something": 1}, "'something' = 1"),
        ({"model": {"type": "Unigram"}}, "'Unigram'"),
        ({"added_tokens": [{"id": 0}]}, "no id or content"),
        ({"added_tokens": [{"id": 0, "content": "x"}]}, "'x' has the id 0"),
        (
            {"added_tokens": [{"id": 3, "content": "x", "lstrip": True}]},
            "lstrip = true",
        ),
        ({"added_tokens": 3}, "added_tokens must be a list"),
    ],
)
def test_an_unknown_part_is_refused_by_name(load, bpe_json, changes, words):
    with pytest.raises(LoadError) as caught:
        load(tokenizer__json=bpe_json | changes)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dropout": 0.1}, "model.dropout' = 0.1"),
        ({"vocab": []}, "model.vocab must be"),
        ({"vocab": {"a": -1}}, "whole numbers from 0"),
        ({"vocab": {"a": 0, "b": 0}}, "two tokens with one id"),
        ({"merges": ["a b c"]}, "is not two tokens"),
        ({"merges": [["no", "such"]]}, "do not fit the vocabulary"),
        ({"unk_token": ["<unk>"]}, "model.unk_token must be a text"),
        ({"vocab": {"a" * 1001: 0}}, "a token of 1,001 characters"),
    ],
)
def test_a_damaged_model_is_refused(load, bpe_json, changes, words):
    values = bpe_json | {"model": bpe_json["model"] | changes}
    with pytest.raises(LoadError) as caught:
        load(tokenizer__json=values)
    assert words in str(caught.value)


def test_merges_that_sentencepiece_would_not_make_are_refused(load, spm_json):
    model = spm_json["model"]
    values = spm_json | {"model": model | {"merges": model["merges"][:-1]}}
    with pytest.raises(LoadError, match="not those of a SentencePiece model"):
        load(tokenizer__json=values)


def test_all_ways_to_make_a_token_must_be_listed_together():
    tokens = ["a", "b", "c", "ab", "bc", "abc"]
    ab, bc, abc, other = ("a", "b"), ("b", "c"), ("ab", "c"), ("a", "bc")
    scores = sentencepiece_scores(tokens, [ab, bc, abc, other])
    assert scores == [0, 0, 0, 0, -1, -2]
    for merges in ([ab, abc, bc, other], [ab, bc, abc], [ab, bc, other]):
        with pytest.raises(ValueError, match="not those of a SentencePiece model"):
            sentencepiece_scores(tokens, merges)


def test_an_added_word_is_cut_out_as_its_package_does(load, spm_json):
    word = {"id": 300, "content": "word", "special": False, "normalized": False}
    word |= {"single_word": False, "lstrip": False, "rstrip": False}
    values = spm_json | {"added_tokens": [*spm_json["added_tokens"], word]}
    tokenizer = load(vocabulary_size=301, tokenizer__json=values)
    for text in ["word", "lowwordlow", "wordwordlow", "low\nword"]:
        expected = reference(values).encode(text, add_special_tokens=False).ids
        assert tokenizer.tokenize(text) == expected, text
    assert tokenizer.detokenize([300]) == "word"


def test_a_vocabulary_larger_than_the_embedding_is_refused(load, tiny_proto):
    with pytest.raises(LoadError, match="has the id 299, but vocab_size is 61"):
        load(vocabulary_size=61, tokenizer__model=tiny_proto)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"tokenizer__model": b"no proto"}, "SentencePiece model is damaged"),
        ({}, r"neither tokenizer\.model, tekken\.json nor"),
    ],
)
def test_no_tokenizer_is_said(load, files, words):
    with pytest.raises(LoadError, match=words):
        load(**files)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("tokenizer_config__json", {"add_eos_token": True}, "add_eos_token"),
        ("tokenizer_config__json", {"eos_token": "<none>"}, "'<none>' is not in it"),
        ("tokenizer_config__json", {"chat_template": 3}, "chat_template"),
        ("tokenizer_config__json", {"chat_template": [3]}, "chat_template"),
        ("tokenizer_config__json", {"added_tokens_decoder": 3}, "added_tokens_decoder"),
        ("tokenizer__json", {"added_tokens": 3}, "added_tokens must be a list"),
        ("generation_config__json", {"eos_token_id": 300}, "ids below 300"),
        ("generation_config__json", {"eos_token_id": [1.5]}, "ids below 300"),
        ("generation_config__json", b"{", "not valid JSON"),
    ],
)
def test_a_damaged_file_beside_it_is_refused(load, tiny_proto, file, content, words):
    with pytest.raises(LoadError, match=words):
        load(**{"tokenizer__model": tiny_proto, file: content})
