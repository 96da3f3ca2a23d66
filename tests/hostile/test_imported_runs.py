"""A run's file that lies: refused in words, or opened and shown without a fault."""

import copy
import json
import tracemalloc
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import strategies as st

from playground.controls import as_typed
from playground.exports import MAX_BYTES, read_file
from playground.interface.form import SHOWN
from playground.transcript.checked import MAX_ID
from playground.web.explore import Exploration
from playground.web.handlers import Handlers
from playground.web.offered_models import OfferedModels
from playground.web.saving import KINDS
from playground.web.tab import Tab
from tests.hostile.fuzz import FEW_AND_MANY, MARKUP, fuzz, json_values
from tests.scripted import Scripted
from tests.test_transcript import FACTS, record, run

GOOD = run(prompt_token_ids=(2, 2), token_ids=[1, 2, 3]).to_json()
GOOD |= {"model": FACTS}
RECORDED = run(records=[record(), None, record()]).to_json() | {"model": FACTS}
PANELS = ("Candidates", "Sampler lab", "Window", "Heads", "Cache", "Tokens")
NEEDS_A_MODEL = ("Sampler lab", "Heads", "Cache", "Tokens")  # or runs one
REQUEST = SimpleNamespace(session_hash="stranger")


class Visitor:
    """A tab of a page over a scripted engine, without a browser."""

    def __init__(self) -> None:
        self.engine = Scripted(answer=(" word",))
        self.engine.allow(None)
        self.handlers = Handlers(OfferedModels(self.engine.preset, self.engine), 4096)
        self.exploration = Exploration(
            self.handlers.settings_on_page, self.handlers.open_tabs
        )
        self.tab = Tab(self.handlers.offered)

    def open(self, values: Any) -> str:
        """Open the file; what the status says, and its phase."""
        data = json.dumps(values).encode()
        status = self.handlers.open_file(self.tab, data)[1]
        json.dumps(status, allow_nan=False)
        return f"{status['phase']}: {status['words']}"

    def look(self) -> None:
        """Go through what the page does with a run."""
        values = [as_typed(control, control.default) for control in SHOWN]
        values[[control.name for control in SHOWN].index("max_new_tokens")] = 1
        self.handlers.refresh(self.tab)
        self.handlers.turn(self.tab, SimpleNamespace(_data={"step": 1}))
        self._take_away(values)
        self._show(values)
        list(self.handlers.go_on(self.tab, REQUEST, *values))
        list(self.handlers.run(self.tab, REQUEST, "Hello", *values))
        assert "word" in self.tab.session.text

    def _take_away(self, values: list[Any]) -> None:
        for what in set(KINDS) - {"png", "svg"}:
            event = SimpleNamespace(_data={"what": what})
            sent = ("", "Ruler", "Layer", 0, 0, *values)
            made = self.exploration.save(self.tab, event, *sent)
            json.dumps(made)
            assert made.get("files") or made["fault"]

    def _show(self, values: list[Any]) -> None:
        for panel in set(PANELS) - set(NEEDS_A_MODEL):
            self.tab.opened = panel
            sent = ("", "Ruler", "Layer", 0, 0)
            list(self.exploration.show(self.tab, REQUEST, *sent, *values))


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time, and have tests of their own."""
    monkeypatch.setattr("playground.interface.view_html.picture", lambda *_, **__: b"")


def changed(values: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return copy.deepcopy(values) | changes


LIES = {
    "ids that no model has": changed(GOOD, token_ids=[MAX_ID] * 3),
    "a prompt of such": changed(GOOD, prompt_token_ids=[MAX_ID] * 2),
    "a stop of such": changed(GOOD, stopped_by=[MAX_ID], stop_string=""),
    "more stops than tokens": changed(GOOD, stopped_by=[2] * 500, stop_string=""),
    "nothing in it": changed(GOOD, token_ids=[], text="", stopped_by=[]),
    "no prompt": changed(GOOD, prompt_token_ids=[], prompt_text="", prompt=""),
    "another text": changed(GOOD, text=MARKUP[0] * 1000, prompt_text=MARKUP[1]),
    "a long stop": changed(GOOD, stop_string="x" * 1_000_000),
    "answered before": changed(GOOD, answered=3),
    "no model": changed(GOOD, model=None),
    "a path for a model": changed(GOOD, model=FACTS | {"preset": "../" * 9 + "etc"}),
    "markup for a model": changed(GOOD, model=FACTS | {"preset": MARKUP[0] + '"""'}),
    "a search": changed(GOOD, settings={"sampler": "beam", "seed": 1}),
    "a wide window": changed(GOOD, settings={"sliding_window": MAX_ID, "seed": 1}),
    "an endless length": changed(
        GOOD, settings={"max_length": MAX_ID, "max_new_tokens": None, "seed": 1}
    ),
    "top tokens of none": changed(
        RECORDED,
        records=[{**RECORDED["records"][0], "top": [[MAX_ID, 1, 1]] * 100}] * 3,
    ),
    "no top tokens": changed(
        RECORDED, records=[{**RECORDED["records"][0], "top": []}] * 3
    ),
    "zeros": changed(
        RECORDED,
        records=[
            {
                "logprob": None,
                "chain_logprob": None,
                "rank": MAX_ID,
                "entropy": 50,
                "stages": [["model", 0, 0]] * 32,
                "top": [[1, 0, 0]],
            }
        ]
        * 3,
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_run_that_lies_can_be_looked_at(lie):
    visitor = Visitor()
    visitor.open(LIES[lie])
    assert visitor.tab.session.version is not None, "the file was refused"
    visitor.look()


@FEW_AND_MANY
def test_a_run_with_any_values_is_refused_in_words_or_shown(examples):
    names = st.sampled_from(sorted(GOOD))
    settings = st.sampled_from(sorted(GOOD["settings"]))
    records = st.sampled_from(sorted(RECORDED["records"][0]))

    def check(case: tuple[str, str, str, int, Any]) -> None:
        name, setting, recorded, place, value = case
        values = copy.deepcopy(RECORDED)
        if place == 0:
            values[name] = value
        elif place == 1:
            values["settings"][setting] = value
        else:
            values["records"][0][recorded] = value
        visitor = Visitor()
        words = visitor.open(values)
        if words.startswith("error"):
            assert len(words) < 2000
            assert visitor.tab.session.version is None
        else:
            visitor.look()

    fuzz(
        st.tuples(names, settings, records, st.integers(0, 2), json_values),
        check,
        examples // 2,
    )


TREE = {"schema": "mistral-playground/tree/1"}


@pytest.mark.parametrize(
    ("parents", "words"),
    [
        ([0], "There are 0 runs"),
        ([None, 1], "There are 1 runs"),
        ([1, 0], "There are 0 runs"),
        ([None, 0.0], "whole numbers"),
        ([None, False], "whole numbers"),
        ([None, ""], "whole numbers"),
        ([None, []], "whole numbers"),
        ([None, {}], "whole numbers"),
        ([None, -1], "numbered from 0; got -1"),
        ([None, 10**400], "numbered from 0"),
    ],
)
def test_parents_that_are_not_there_are_refused(parents, words):
    runs = [{**GOOD, "parent": parent} for parent in parents]
    assert words in Visitor().open({**TREE, "runs": runs})


@pytest.mark.parametrize("position", [1.0, True, "1", [], {}, None, 4, -1, 10**400])
def test_positions_that_are_not_there_are_refused(position):
    runs = [GOOD, {**GOOD, "parent": 0, "position": position}]
    assert Visitor().open({**TREE, "runs": runs}).startswith("error")


def test_a_tree_of_a_thousand_and_one_runs_is_refused():
    small = {name: GOOD[name] for name in ("schema", "settings")}
    words = Visitor().open({**TREE, "runs": [small] * 1001})
    assert "1,000 runs" in words


def refusal(data: bytes) -> str:
    with pytest.raises(ValueError, match=r".") as refused:
        read_file(data)
    assert len(str(refused.value)) < 2000
    return str(refused.value)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"schema": "mistral-playground/run/1", "token_ids": ' + b"[" * 5000,
        json.dumps(changed(GOOD, token_ids=[1] * 200_001)).encode(),
        json.dumps(changed(GOOD, text="x" * 2_000_001)).encode(),
        json.dumps(changed(GOOD, finish_reason="x" * 100_000)).encode(),
        json.dumps(changed(GOOD, settings={"x" * 100_000: 1})).encode(),
        json.dumps(changed(GOOD, settings={"temperature": 10**400})).encode(),
        json.dumps(changed(GOOD, settings={"sliding_window": 10**30})).encode(),
        json.dumps(changed(GOOD, model=FACTS | {"preset": "x" * 1000})).encode(),
        b'{"schema": ' + b"1" * 5000 + b"}",
        b'{"schema": 1e999}',
        b'{"schema": NaN}',
        b"\xff\xfe{",
        b"",
    ],
    ids=lambda data: repr(data[:24]),
)
def test_a_file_that_would_fill_memory_or_time_is_refused(data):
    assert refusal(data)


def test_a_file_of_any_length_is_refused_before_it_is_read():
    data = b" " * (MAX_BYTES + 1)
    tracemalloc.start()
    try:
        assert "MB are read" in refusal(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
