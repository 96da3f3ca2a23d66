"""Any value for any control: settings, or words that name the control."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import strategies as st

from playground.controls import BY_NAME, CONTROLS, as_typed, read_value
from playground.exports import from_query
from playground.interface.form import SHOWN, settings_of
from playground.settings import GenerationSettings
from tests.hostile.fuzz import FEW_AND_MANY, fuzz, json_values, texts

NAMES = {
    control.name: (
        control.name,
        control.label,
        {"logit_bias": "Logit biases"}.get(control.name, control.label),
    )
    for control in CONTROLS
}
LONGEST_WORDS = 400
LENGTHS = ("max_new_tokens", "max_length")
SHOWN_NAMES = st.sampled_from([control.name for control in SHOWN])


def refusal(name: str, make, *arguments: object) -> str:
    """What `make` says against a value of `name`, "" if it takes it."""
    words = ""
    try:
        make(*arguments)
    except ValueError as fault:
        words = str(fault)
    assert not words or any(known in words for known in NAMES[name]), words
    assert not words or "got" in words
    assert len(words) < LONGEST_WORDS
    return words


def with_one(name: str, value: object) -> GenerationSettings:
    length = {"max_new_tokens": None} if name == "max_length" else {}
    return GenerationSettings(**{**length, name: value})


@FEW_AND_MANY
def test_any_value_is_a_setting_or_is_refused_by_name(examples):
    def check(case: tuple[str, object]) -> None:
        name, value = case
        if value is None and name in LENGTHS:
            return  # no length at all is another fault
        if not refusal(name, with_one, name, value):
            made = with_one(name, value)
            assert GenerationSettings.from_json(made.to_json()) == made
            json.dumps(made.to_json(), allow_nan=False)

    fuzz(st.tuples(st.sampled_from(tuple(BY_NAME)), json_values), check, examples)


@FEW_AND_MANY
def test_form_and_file_agree_on_any_value_that_is_no_text(examples):
    """A text is read as typed; all else is what a run's file may hold as well."""
    usual = {each.name: as_typed(each, each.default) for each in SHOWN}

    def check(case: tuple[str, object]) -> None:
        name, value = case
        if isinstance(value, str) or (value is None and name in LENGTHS):
            return
        by_form = refusal(name, settings_of, {**usual, name: value})
        by_file = refusal(name, with_one, name, value)
        assert bool(by_form) == bool(by_file)

    fuzz(st.tuples(SHOWN_NAMES, json_values), check, examples)


@FEW_AND_MANY
def test_any_typed_text_and_any_link_is_read_or_refused_by_name(examples):
    def typed(name: str, text: str) -> None:
        with_one(name, read_value(BY_NAME[name], text))

    def linked(name: str, text: str) -> None:
        from_query(urlencode({name: text}, errors="replace"))

    def check(case: tuple[str, str]) -> None:
        name, text = case
        if name not in LENGTHS or text.strip():
            refusal(name, typed, name, text)
        if name not in LENGTHS or text != "none":
            refusal(name, linked, name, text)

    typical = st.text("-+0123456789.e:, ", max_size=30) | texts
    fuzz(st.tuples(SHOWN_NAMES, typical), check, examples)


@pytest.mark.parametrize("name", ["banned_tokens", "stop_token_ids", "logit_bias"])
@pytest.mark.parametrize("text", ["9" * 100_000, "1," * 50_000 + "x", "x" * 100_000])
def test_a_long_text_is_not_said_back_whole(name, text):
    def typed() -> None:
        with_one(name, read_value(BY_NAME[name], text))

    assert refusal(name, typed)


@pytest.mark.parametrize("name", ["temperature", "top_p", "dry_base", "alpha"])
def test_a_number_that_no_float_holds_is_refused(name):
    assert "`" + name + "` must be a number" in refusal(name, with_one, name, 10**400)
    assert refusal(name, with_one, name, -(10**400))
