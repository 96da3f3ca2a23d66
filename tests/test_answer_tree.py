"""Versions and branches of answers: nothing is written over."""

import json
from typing import Any

import pytest

from playground.transcript import answer_tree
from playground.transcript.answer_tree import AnswerTree
from tests.test_transcript import run


@pytest.fixture
def tree() -> AnswerTree:
    """The worked example: A, B, and C and D that went on from A."""
    tree = AnswerTree()
    for text in "AB":
        tree.add(run(text))
    for text in "CD":
        tree.add(run(text), parent=0, position=3)
    return tree


def texts(versions: list[answer_tree.Version]) -> str:
    return "".join(version.run.text for version in versions)


def test_the_worked_example(tree: AnswerTree) -> None:
    assert texts(tree.versions) == "ABCD"
    assert texts(tree.versions_of(0)) == texts(tree.versions_of(1)) == "AB"
    assert texts(tree.versions_of(2)) == texts(tree.versions_of(3)) == "CD"
    assert texts(tree.path(3)) == "AD"
    assert texts(tree.path(1)) == "B"
    assert texts(tree.children(0)) == "CD"
    assert tree.children(3) == []


def test_versions_share_their_place_and_their_prompt(tree: AnswerTree) -> None:
    other = tree.add(run("E", prompt_text="Another: "))
    assert texts(tree.versions_of(other.number)) == "E"
    elsewhere = tree.add(run("F"), parent=0, position=1)
    assert texts(tree.versions_of(elsewhere.number)) == "F"


def test_a_long_line_of_answers_has_a_path() -> None:
    tree = AnswerTree()
    tree.add(run("0"))
    for number in range(1, answer_tree.MAX_RUNS):
        tree.add(run(str(number)), parent=number - 1, position=3)
    assert len(tree.path(answer_tree.MAX_RUNS - 1)) == answer_tree.MAX_RUNS
    with pytest.raises(ValueError, match="holds 1,000 runs"):
        tree.add(run("one more"))


@pytest.mark.parametrize(
    ("parent", "position", "words"),
    [
        (4, 0, "There are 4 runs, numbered from 0; got 4"),
        (-1, 0, "numbered from 0; got -1"),
        (0, 4, "Run 0 has 3 tokens to go on from, got 4"),
        (0, -1, "Run 0 has 3 tokens to go on from, got -1"),
    ],
)
def test_a_place_that_is_not_there_is_refused(
    tree: AnswerTree, parent: int, position: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        tree.add(run(), parent, position)
    assert len(tree.versions) == 4


def test_a_tree_comes_back_from_json_as_it_was(tree: AnswerTree) -> None:
    again = AnswerTree.from_json(json.loads(json.dumps(tree.to_json())))
    assert again.versions == tree.versions


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"runs": None}, "`runs` must be a list"),
        ({"runs": [3]}, "A run has the schema"),
        ({"runs": [{**run().to_json(), "parent": 0}]}, "There are 0 runs"),
        ({"runs": [{**run().to_json(), "parent": "0"}]}, "must be whole numbers"),
        ({"runs": [{**run().to_json(), "position": 1.5}]}, "must be whole numbers"),
        ({"schema": "mistral-playground/tree/2"}, "A tree has the schema"),
    ],
)
def test_what_is_no_tree_is_refused(
    tree: AnswerTree, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        AnswerTree.from_json({**tree.to_json(), **change})
