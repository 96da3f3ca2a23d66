"""Controls and settings: bounds, words, and the way to JSON and back."""

from dataclasses import asdict, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.controls import (
    BY_NAME,
    CONTROLS,
    LAST_TOKENS,
    SAMPLERS,
    Control,
    escaped,
    parse_biases,
    parse_ids,
    parse_texts,
    parse_token_ids,
    unescaped,
)
from playground.engine.texts import HISTORY
from playground.samplers import ORDERS
from playground.settings import GenerationSettings

LENGTHS = ("max_new_tokens", "max_length")  # one of them is given

OUT_OF_BOUNDS = [
    ("temperature", -1, "from 0 to 2"),
    ("temperature", float("nan"), "from 0 to 2"),
    ("temperature", "hot", "a number"),
    ("top_k", -1, "a whole number from 0"),
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
    ("sampler", "beams", "one of top_p, top_k, min_p, random, greedy, chain, beam"),
    ("order", "mine", "one of keras_hub, llama.cpp"),
    ("xtc_threshold", 0.0, "above 0 and up to 1"),
    ("repetition_penalty", 0, "from 0.5 to 2"),
    ("penalty_last_n", 513, "from -1 to 512"),
    ("num_beams", 17, "from 1 to 16"),
    ("banned_tokens", (2, -1), "up to 60 token ids"),
    ("banned_tokens", "auto", "up to 60 token ids"),
    ("logit_bias", ((2, float("nan")),), "up to 60 pairs"),
    ("logit_bias", ((2, 1.0, 1.0),), "up to 60 pairs"),
    ("logit_bias", ((-2, 1.0),), "up to 60 pairs"),
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


token_ids = st.integers(0, 10**6)


def values_of(control: Control) -> st.SearchStrategy[Any]:
    """Anything that the control allows."""
    low, high = control.minimum or 0, control.maximum
    match control.kind:
        case "choice":
            found: st.SearchStrategy[Any] = st.sampled_from(control.choices)
        case "toggle":
            found = st.booleans()
        case "integer":
            found = st.integers(int(low), 10**6 if high is None else int(high))
        case "number":
            found = st.floats(low, high, exclude_min=control.above_minimum)
        case "texts":
            found = st.lists(st.text(min_size=1, max_size=200), max_size=16).map(tuple)
        case "stop_ids":
            found = st.just("auto") | st.lists(token_ids).map(tuple)
        case "token_ids":
            found = st.lists(token_ids, max_size=60).map(tuple)
        case "biases":
            pair = st.tuples(token_ids, st.floats(-9, 9))
            found = st.lists(pair, max_size=60).map(tuple)
    return st.none() | found if control.optional else found


some_settings = st.fixed_dictionaries(
    {c.name: values_of(c) for c in CONTROLS if c.name not in LENGTHS}
).map(lambda values: GenerationSettings(**values))


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
    penalties = {c.name for c in CONTROLS if c.group == "Penalties"}
    cuts = {*ORDERS["keras_hub"], "xtc_probability", "xtc_threshold"} - {"xtc"}
    assert acting == {
        "greedy": penalties,
        "random": penalties | {"temperature", "seed"},
        "top_k": penalties | {"temperature", "seed", "top_k"},
        "top_p": penalties | {"temperature", "seed", "top_p"},
        "min_p": penalties | {"temperature", "seed", "min_p"},
        "chain": penalties | cuts | {"order", "seed"},
        "beam": {"num_beams"},
        "contrastive": {"contrastive_k", "alpha"},
    }


def test_a_penalty_looks_no_further_back_than_the_engine_does() -> None:
    assert LAST_TOKENS == HISTORY


@pytest.mark.parametrize(
    ("typed", "expected"), [("", ()), ("2", (2,)), (" 2, 198 ", (2, 198))]
)
def test_token_ids_as_typed(typed: str, expected: tuple[int, ...]) -> None:
    assert parse_ids(typed) == expected


@pytest.mark.parametrize("typed", ["auto", "none", "two", "2;3"])
def test_token_ids_that_make_no_sense_are_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="ids such as 2, 198"):
        parse_ids(typed)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("", ()), ("13: -2.5", ((13, -2.5),)), ("1:2, 3 : .5,", ((1, 2.0), (3, 0.5)))],
)
def test_biases_as_typed(typed: str, expected: Any) -> None:
    assert parse_biases(typed) == expected


@pytest.mark.parametrize("typed", ["13", "a: 1", "13: x", "1: 2: 3", "13 -2"])
def test_biases_that_make_no_sense_are_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"such as 13: -2\.5, 198: 1"):
        parse_biases(typed)


def test_defaults_are_within_their_own_bounds() -> None:
    assert [c.name for c in CONTROLS if c.fault(c.default)] == []
    assert BY_NAME["seed"].fault(None) is None
