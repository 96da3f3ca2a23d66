"""tekken.json: Mistral's own ids for the real one; a small one broken in many ways."""

import base64
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.presets import LoadError
from playground.presets.huggingface.tekken_json import merges_by_rank, parse_tekken_json
from playground.presets.huggingface.tokenizer import tokenizer_from_folder
from playground.tokenizers import ByteLevelBPETokenizer, MistralTokenizer, TextStream
from playground.tokenizers.byte_level_bpe import byte_letters
from playground.tokenizers.word_patterns import PATTERNS
from tests.mistral_vocabularies import mistral_vocabulary
from tests.oracles.make_mistral_common_oracle import CHATS, random_ids
from tests.oracles.tokenizer_texts import varied_texts
from tests.presets.huggingface_folder import write_file

_ORACLES = Path(__file__).parents[1] / "oracles"
_TEXTS = varied_texts()


def _rows(stored):
    ends = np.cumsum(stored["lengths"].astype(int))
    return [part.tolist() for part in np.split(stored["ids"], ends[:-1])]


@pytest.fixture(scope="module")
def said_by_mistral():
    """Tekken's ids of each text; and words: chats, and the texts of random ids."""
    with np.load(_ORACLES / "mistral_common.npz") as file:
        return _rows(file), json.loads(file["words"].tobytes())


@pytest.fixture(scope="module")
def tekken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tekken")
    (folder / "tekken.json").symlink_to(mistral_vocabulary("tekken"))
    return tokenizer_from_folder(folder, {}, 131_072)


def test_each_text_has_mistrals_own_ids(tekken, said_by_mistral):
    for text, expected in zip(_TEXTS, said_by_mistral[0], strict=True):
        assert tekken.tokenize(text) == expected, repr(text)
        assert tekken.detokenize(expected) == text


def test_any_ids_have_mistrals_own_text(tekken, said_by_mistral):
    for ids, expected in zip(random_ids(), said_by_mistral[1]["decoded"], strict=True):
        special = [place for place, id_ in enumerate(ids) if id_ < 1000]
        stream = TextStream(tekken)
        streamed = "".join(map(stream.push, ids)) + stream.flush()
        assert streamed == tekken.detokenize(ids)
        # Theirs ends a character at each special token; ours may go on behind it.
        if not special or "\ufffd" not in expected:
            assert tekken.detokenize(ids) == expected, ids


def test_special_tokens_come_first_and_only_when_asked(tekken):
    assert tekken.vocabulary_size() == 131_072
    assert tekken.special_token_ids == set(range(1000))
    assert (tekken.start_token_id, tekken.end_token_id, tekken.pad_token_id) == (
        1,
        2,
        11,
    )
    assert tekken.add_start_token is True
    assert tekken.stop_token_ids == {2}
    assert tekken.tokenize("[INST]<SPECIAL_999>", special=True) == [3, 999]
    assert min(tekken.tokenize("[INST]<s><SPECIAL_999>")) >= 1000


def _prompt(name, contents):
    """The texts of Mistral's chat templates for a conversation."""
    before, after, answer = {
        "v1": ("[INST] ", " [/INST]", " "),
        "v2": ("[INST] ", "[/INST]", " "),
        "v3": ("[INST] ", "[/INST]", " "),
        "tekken": ("[INST]", "[/INST]", ""),
    }[name]
    turns = [
        f"{answer}{text}</s>" if turn % 2 else f"{before}{text}{after}"
        for turn, text in enumerate(contents)
    ]
    return "<s>" + "".join(turns)


@pytest.mark.parametrize("name", ["v1", "v2", "v3", "tekken"])
def test_a_chat_has_mistrals_own_ids(request, said_by_mistral, name):
    if name == "tekken":
        tokenizer = request.getfixturevalue("tekken")
    else:
        tokenizer = MistralTokenizer(mistral_vocabulary(name))
    for contents, expected in zip(
        CHATS, said_by_mistral[1]["chats"][name], strict=True
    ):
        prompt = _prompt(name, contents)
        assert tokenizer.tokenize(prompt, special=True) == expected, prompt


@pytest.fixture
def small():
    """256 bytes and three merges' worth, of which one is beyond the model's size."""
    words = [bytes([byte]) for byte in range(256)] + [b"lo", b"low", b"er"]
    vocabulary = [
        {"rank": rank, "token_bytes": base64.b64encode(w).decode(), "token_str": None}
        for rank, w in enumerate(words)
    ]
    special = ["<unk>", "<s>", "</s>", "low"]
    return {
        "config": {
            "pattern": PATTERNS["tekken"],
            "num_vocab_tokens": 259,
            "default_vocab_size": 264,
            "default_num_special_tokens": 6,
            "version": "v13",
        },
        "vocab": vocabulary,
        "special_tokens": [
            {"rank": rank, "token_str": text, "is_control": True}
            for rank, text in enumerate(special)
        ],
        "image": {"image_patch_size": 16},
    }


@pytest.fixture
def load(tmp_path):
    """The tokenizer of a folder that holds these files."""

    def load(vocabulary_size=264, **files):
        for name, content in files.items():
            write_file(tmp_path / name.replace("__", "."), content)
        return tokenizer_from_folder(tmp_path, {}, vocabulary_size)

    return load


def test_a_small_one_worked_out_by_hand(load, small):
    tokenizer = load(vocabulary_size=266, tekken__json=small)
    tokens = [tokenizer.id_to_token(id_) for id_ in (*range(6), 262, 263, 264)]
    named = ["<unk>", "<s>", "</s>", "low", "<SPECIAL_4>", "<SPECIAL_5>"]
    assert tokens == [*named, "lo", "low", "[PAD264]"]
    assert tokenizer.special_token_ids == {*range(6), 264, 265}
    assert tokenizer.pad_token_id is None
    # "er" lies beyond the size; "low" is also how a special token is spelt.
    expected = [263, 6 + ord("e"), 6 + ord("r")]
    assert tokenizer.tokenize("lower") == expected
    assert tokenizer.tokenize("lower", special=True) == [3, *expected[1:]]
    assert tokenizer.token_to_id("low") == 3


def test_files_beside_it_are_heard(load, small):
    settings = {"eos_token": "<SPECIAL_4>", "add_bos_token": False}
    tokenizer = load(
        tekken__json=small,
        tokenizer_config__json=settings,
        chat_template__jinja="a template",
    )
    assert (tokenizer.start_token_id, tokenizer.end_token_id) == (1, 4)
    assert tokenizer.add_start_token is False
    assert tokenizer.chat_template == "a template"


def test_the_original_file_comes_before_its_conversion(load, small, tiny_proto):
    assert load(tekken__json=small, tokenizer__json={}).vocabulary_size() == 264
    tokenizer = load(vocabulary_size=300, tokenizer__model=tiny_proto)
    assert isinstance(tokenizer, MistralTokenizer)


def test_a_fine_tunes_names_and_added_tokens_count_beside_it(load, small):
    added = [
        {"id": 4, "content": "<|im_start|>", "special": True},
        {"id": 264, "content": "<|im_end|>", "special": True},
        {"id": 265, "content": "<tool>", "special": False},
    ]
    tokenizer = load(
        vocabulary_size=266,
        tekken__json=small,
        tokenizer__json={"added_tokens": added},
        tokenizer_config__json={"eos_token": "<|im_end|>"},
    )
    text = "<|im_start|>low<tool><|im_end|>"
    assert tokenizer.tokenize(text, special=True) == [4, 3, 265, 264]
    assert tokenizer.stop_token_ids == {264}
    assert tokenizer.special_token_ids == {*range(6), 264}
    assert tokenizer.token_bytes(265) == b"<tool>"


def test_a_tokenizer_json_with_other_words_is_a_tokenizer_of_its_own(load, small):
    vocabulary = {letter: id_ for id_, letter in enumerate(byte_letters())}
    own = {
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        },
    }
    tokenizer = load(tekken__json=small, tokenizer__json=own)
    assert tokenizer.tokenize("low") == [ord("l"), ord("o"), ord("w")]


def test_merges_are_all_pairs_in_the_order_of_what_they_make():
    tokens = ["a", "b", "c", "bc", "ab", "abc", "d?"]
    expected = [("b", "c"), ("a", "b"), ("a", "bc"), ("ab", "c")]
    assert merges_by_rank(tokens) == expected


_WORDS = st.text("ab", min_size=2, max_size=6)


@given(words=st.lists(_WORDS, unique=True), text=st.text("ab", max_size=20))
def test_the_merges_do_what_tiktoken_does_with_ranks(words, text):
    tokens = [*byte_letters(), *words]
    tokenizer = ByteLevelBPETokenizer(
        tokens, merges_by_rank(tokens), pre_tokenizer="tekken", ignore_merges=True
    )
    expected = _joined_by_rank(text, {token: rank for rank, token in enumerate(tokens)})
    assert [tokens[id_] for id_ in tokenizer.tokenize(text)] == expected


def _joined_by_rank(word, ranks):
    """tiktoken's `_byte_pair_merge`: the lowest rank first, the leftmost of equals."""
    parts = [word] if word in ranks else list(word)
    while True:
        pairs = [left + right for left, right in pairwise(parts)]
        known = [(ranks[pair], at) for at, pair in enumerate(pairs) if pair in ranks]
        if not known:
            return parts
        _, at = min(known)
        parts[at : at + 2] = [pairs[at]]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["config"], 3, "config must be an object, got 3"),
        (["config", "pattern"], "(a+)+$", "the pattern '(a+)+$' is not known"),
        (["config", "pattern"], None, "the pattern None is not known"),
        (["config", "default_vocab_size"], 5000, "vocab has 259 tokens, config asks"),
        (["config", "default_vocab_size"], 261, "at least 256 are needed"),
        (["config", "default_vocab_size"], "264", "must be at least 1, got '264'"),
        (["config", "default_vocab_size"], True, "must be at least 1, got True"),
        (["config", "default_num_special_tokens"], 3, "special_tokens has 4 tokens"),
        (["config", "default_num_special_tokens"], 1 << 60, "are too many"),
        (["config", "extra"], 1, "'config.extra' is not known"),
        (["extra"], 1, "'extra' is not known"),
        (["vocab"], {}, "vocab must be a list"),
        (["vocab", 7, "rank"], 8, "vocab[7] must not be"),
        (["vocab", 7, "token_bytes"], "CA==", "vocab[7] must not be"),
        (["vocab", 257, "token_bytes"], "bG8=", "vocab has a token twice"),
        (["vocab", 257, "token_bytes"], "b", "vocab[257] must not be"),
        (["vocab", 257, "token_bytes"], "bé8=", "vocab[257] must not be"),
        (["vocab", 257, "token_bytes"], "AAAA" * 1000, "vocab[257] must not be"),
        (["vocab", 257], "low", "vocab[257] must not be 'low'"),
        (["special_tokens"], "no", "special_tokens must be a list"),
        (["special_tokens"], None, "special_tokens are missing"),
        (["special_tokens", 1], 4, "special_tokens[1] must not be 4"),
        (["special_tokens", 1, "rank"], 0, "special_tokens[1] must not be"),
        (["special_tokens", 1, "token_str"], "", "special_tokens[1] must not be"),
        (["special_tokens", 1, "token_str"], "</s>", "3 of them different"),
    ],
)
def test_a_damaged_file_is_refused(load, small, path, value, words):
    at = small
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(LoadError) as caught:
        load(tekken__json=small)
    assert words in str(caught.value)


def test_all_faults_are_named_at_once(load, small):
    small["config"]["pattern"] = "x"
    small["vocab"][0] = small["special_tokens"][0] = None
    small["audio2"] = {}
    with pytest.raises(LoadError) as caught:
        load(tekken__json=small)
    for words in ("pattern 'x'", "vocab[0]", "special_tokens[0]", "'audio2'"):
        assert words in str(caught.value)


_LEAF = st.sampled_from([None, True, -1, 0, 300, 1e400, "", "AA==", "v3", [], {}])
_ENTRY = st.dictionaries(st.sampled_from(["rank", "token_bytes", "token_str"]), _LEAF)
_CONFIG = st.dictionaries(
    st.sampled_from(
        ["pattern", "default_vocab_size", "default_num_special_tokens", "version", "x"]
    ),
    _LEAF,
)
_WHOLE = st.dictionaries(
    st.sampled_from(["config", "vocab", "special_tokens", "x"]),
    _LEAF | _CONFIG | st.lists(_LEAF | _ENTRY, max_size=3),
)


@given(values=_WHOLE)
def test_any_other_json_is_refused_in_words(values):
    with pytest.raises(ValueError, match=r"tekken\.json is damaged or not supported"):
        parse_tekken_json(values)


def test_a_model_smaller_than_its_tokenizer_is_refused(load, small):
    with pytest.raises(LoadError, match="has the id 263, but vocab_size is 260"):
        load(vocabulary_size=260, tekken__json=small)
