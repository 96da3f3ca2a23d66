"""Controls and settings: bounds, words, and the way to JSON and back."""

from dataclasses import asdict, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.controls import (
    BY_NAME,
    CONTROLS,
    SAMPLERS,
    escaped,
    parse_texts,
    parse_token_ids,
    unescaped,
)
from playground.settings import GenerationSettings

OUT_OF_BOUNDS = [
    ("temperature", -1, "from 0 to 2"),
    ("temperature", float("nan"), "from 0 to 2"),
    ("temperature", "hot", "a number"),
    ("top_k", 0, "a whole number from 1"),
    ("top_k", 2.5, "a whole number"),
    ("top_k", True, "a whole number"),
    ("top_p", 0.0, "above 0 and up to 1"),
    ("top_p", 1.5, "above 0 and up to 1"),
    ("seed", -1, "from 0 to 4294967295 or none"),
    ("seed", 2**32, "from 0 to 4294967295 or none"),
    ("max_new_tokens", 0, "from 1"),
    ("sliding_window", 0, "from 1"),
    ("stop_token_ids", (2, -1), "token ids"),
    ("stop_token_ids", "END", "'auto', none, or token ids"),
    ("sampler", "beams", "one of top_p, top_k, random, greedy"),
    ("chat", "yes", "true or false"),
]


@pytest.mark.parametrize(("name", "value", "words"), OUT_OF_BOUNDS)
def test_a_value_out_of_bounds_is_refused_by_name_with_what_would_do(
    name: str, value: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must be") as fault:
        GenerationSettings(**{name: value})
    assert words in str(fault.value)
    assert repr(value) in str(fault.value)


def test_a_long_value_from_outside_is_clipped_in_the_message() -> None:
    with pytest.raises(ValueError, match="got 'xxx") as fault:
        GenerationSettings(sampler="x" * 10_000)
    assert len(str(fault.value)) < 250


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="temperature") as fault:
        GenerationSettings(temperature=-1, top_p=7, seed=-4)
    assert len(str(fault.value).splitlines()) == 3


@pytest.mark.parametrize(("max_new_tokens", "max_length"), [(None, None), (5, 10)])
def test_exactly_one_of_the_two_lengths(
    max_new_tokens: int | None, max_length: int | None
) -> None:
    with pytest.raises(ValueError, match="Give one of"):
        GenerationSettings(max_new_tokens=max_new_tokens, max_length=max_length)


def test_settings_have_a_control_each_with_its_default() -> None:
    defaults = asdict(GenerationSettings())
    assert defaults == {control.name: control.default for control in CONTROLS}
    assert [f.name for f in fields(GenerationSettings)] == [c.name for c in CONTROLS]


some_settings = st.builds(
    GenerationSettings,
    sampler=st.sampled_from(SAMPLERS),
    temperature=st.floats(0, 2),
    top_k=st.integers(1, 1000),
    top_p=st.floats(0, 1, exclude_min=True),
    seed=st.none() | st.integers(0, 2**32 - 1),
    max_new_tokens=st.integers(1, 4096),
    stop_token_ids=st.sampled_from(["auto", None])
    | st.lists(st.integers(0, 10**6)).map(tuple),
    shorten_prompt=st.booleans(),
    stop_strings=st.lists(st.text(min_size=1, max_size=200), max_size=16).map(tuple),
    keep_stop_string=st.booleans(),
    sliding_window=st.none() | st.integers(1, 10**6),
    chat=st.booleans(),
    strip_prompt=st.booleans(),
)


@given(some_settings)
def test_settings_come_back_from_json_as_they_were(
    settings: GenerationSettings,
) -> None:
    assert GenerationSettings.from_json(settings.to_json()) == settings


def test_unknown_keys_of_json_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="tempreature"):
        GenerationSettings.from_json({"tempreature": 0.2})


def test_settings_cannot_change() -> None:
    settings = GenerationSettings()
    with pytest.raises(AttributeError):
        settings.seed = 3  # type: ignore[misc]
    assert replace(settings, seed=3).seed == 3


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("auto", "auto"),
        ("", "auto"),
        (" None ", None),
        ("2", (2,)),
        ("2, 198", (2, 198)),
        ("2 198,7", (2, 198, 7)),
    ],
)
def test_stop_tokens_as_typed(typed: str, expected: Any) -> None:
    assert parse_token_ids(typed) == expected


@pytest.mark.parametrize("typed", ["two", "2;3", "-1", "1.5", ",,x"])
def test_stop_tokens_that_make_no_sense_are_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="auto, none, or ids such as"):
        parse_token_ids(typed)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", ()),
        ("User:", ("User:",)),
        ("User:\n\nYou: \n", ("User:", "You: ")),
        (r"\n\n", ("\n\n",)),
        (r"a\tb" + "\r\n" + r"\\n", ("a\tb", "\\n")),
        (r"C:\dir", (r"C:\dir",)),
    ],
)
def test_stop_strings_as_typed(typed: str, expected: tuple[str, ...]) -> None:
    assert parse_texts(typed) == expected


@given(st.text(min_size=1))
def test_an_escaped_text_is_one_line_and_comes_back(text: str) -> None:
    assert "\n" not in escaped(text)
    assert unescaped(escaped(text)) == text


@pytest.mark.parametrize("stops", [("",), ("a" * 201,), ("a",) * 17, "abc", (1,)])
def test_stop_strings_that_make_no_sense_are_refused(stops: Any) -> None:
    with pytest.raises(ValueError, match="`stop_strings` must be up to 16 texts"):
        GenerationSettings(stop_strings=stops)


def test_knobs_act_only_where_they_are_read() -> None:
    acting = {
        sampler: {c.name for c in CONTROLS if c.samplers and c.acts_on(sampler)}
        for sampler in SAMPLERS
    }
    assert acting == {
        "greedy": set(),
        "random": {"temperature", "seed"},
        "top_k": {"temperature", "seed", "top_k"},
        "top_p": {"temperature", "seed", "top_p"},
    }


def test_defaults_are_within_their_own_bounds() -> None:
    assert [c.name for c in CONTROLS if c.fault(c.default)] == []
    assert BY_NAME["seed"].fault(None) is None
