"""Files of runs and trees: back as they were, and anything else refused in words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.engine import Finished
from playground.exports import MAX_BYTES, read_file, to_file
from playground.transcript import Transcript
from playground.transcript.answer_tree import AnswerTree
from tests.exports.conftest import Write
from tests.test_transcript import record, run

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from(sorted(run().to_json()))


def test_a_run_and_a_tree_come_back_from_their_files(write: Write) -> None:
    written = write(sampler="top_k", stop_strings=("\N{SNOWMAN}",))
    written.finished = Finished(reason="length")  # its timings are not kept
    assert None not in written.records
    again = read_file(to_file(written))
    assert again == written
    assert isinstance(again, Transcript)
    assert again.model == written.model
    assert again.records[0] is not None
    assert again.to_json() == written.to_json()
    tree = AnswerTree()
    tree.add(written)
    tree.add(run(), parent=0, position=2)
    restored = read_file(to_file(tree))
    assert isinstance(restored, AnswerTree)
    assert restored.versions == tree.versions
    assert restored.to_json() == tree.to_json()


def test_a_recorded_token_takes_less_than_a_kilobyte(write: Write) -> None:
    written = write(sampler="chain")
    assert len(to_file(written)) / len(written.token_ids) < 1000


def test_a_mark_of_byte_order_is_no_fault() -> None:
    assert read_file(b"\xef\xbb\xbf" + to_file(run())) == run()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "This file is not JSON"),
        (b"\x89PNG\r\n", "not text in UTF-8"),
        (b"{", "This file is not JSON"),
        (b"[]", "Expected a file with the schema 'mistral-playground/run/1'"),
        (b"null", "got None. Was it saved here, and by no newer version?"),
        (b'{"schema": "mistral-playground/run/9"}', "got 'mistral-playground/run/9'"),
        (b'{"schema": ["mistral-playground/run/1"]}', "Expected a file with the sch"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 10_000, "digits"),
        (b'{"a": NaN}', "finite numbers only, got NaN"),
        (b" " * (MAX_BYTES + 1), "at most 17 MB are read"),
    ],
)
def test_what_is_no_file_of_ours_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        read_file(data)
    assert type(caught.value) is ValueError


@given(key=KEYS, value=json_values)
def test_a_run_with_any_one_value_is_read_or_refused_in_words(
    key: str, value: Any
) -> None:
    values = {**run(records=[record(), None, record()]).to_json(), key: value}
    refuse_or_keep(json.dumps(values))


@given(path=st.lists(st.integers(0, 5), min_size=1, max_size=3), value=json_values)
def test_a_record_with_any_one_value_is_read_or_refused_in_words(
    path: list[int], value: Any
) -> None:
    values = run(records=[record(), None, record()]).to_json()
    inside: Any = values["records"]
    for step in path:
        keys = sorted(inside) if isinstance(inside, dict) else range(len(inside))
        key = list(keys)[step % len(keys)]
        if not isinstance(inside[key], list | dict) or not inside[key]:
            break
        parent, inside = inside, inside[key]
        inside = parent[key]
    inside[list(keys)[step % len(keys)] if isinstance(inside, dict) else 0] = value
    refuse_or_keep(json.dumps(values))


def refuse_or_keep(text: str) -> None:
    again = outcome(text.encode("utf-8", "surrogatepass"))
    if isinstance(again, ValueError):
        assert type(again) is ValueError  # and none of its unfriendly kinds
    else:
        assert read_file(to_file(again)) == again


def outcome(data: bytes) -> Transcript | AnswerTree | ValueError:
    try:
        return read_file(data)
    except ValueError as refused:
        return refused


def test_a_file_that_nobody_could_read_back_is_not_written() -> None:
    with pytest.raises(ValueError, match="Save single runs"):
        to_file(run(text="a" * MAX_BYTES))
