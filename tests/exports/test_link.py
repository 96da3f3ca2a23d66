"""Links: they come back as they went, and what is no link is refused in words."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from playground.controls import BY_NAME, Control
from playground.exports import MAX_QUERY, Link, from_query, to_query
from playground.settings import GenerationSettings

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ids = st.lists(st.integers(0, 2**31 - 1), max_size=5).map(tuple)


def values_of(control: Control) -> st.SearchStrategy[Any]:
    """What a control takes; no stop ids at all are None."""
    match control.kind:
        case "choice":
            values: Any = st.sampled_from(control.choices)
        case "toggle":
            values = st.booleans()
        case "stop_ids":
            values = st.just("auto") | ids.filter(bool)
        case "token_ids":
            values = ids
        case "biases":
            values = st.lists(
                st.tuples(
                    st.integers(0, 2**31 - 1), st.floats(-100, 100, allow_nan=False)
                ),
                max_size=5,
            ).map(tuple)
        case "texts":
            values = st.lists(texts.filter(bool), max_size=4).map(tuple)
        case "integer" | "number":
            low = control.minimum if control.minimum is not None else 0
            high = control.maximum if control.maximum is not None else 10**9
            whole = control.kind == "integer"
            values = (
                st.integers(low, high)
                if whole
                else st.floats(low, high, exclude_min=control.above_minimum)
            )
    return values | st.none() if control.optional else values


@st.composite
def all_settings(draw: st.DrawFn) -> GenerationSettings:
    values = {
        f.name: draw(values_of(BY_NAME[f.name])) for f in fields(GenerationSettings)
    }
    length = draw(st.sampled_from(["max_new_tokens", "max_length"]))
    other = "max_length" if length == "max_new_tokens" else "max_new_tokens"
    return GenerationSettings(
        **values | {length: draw(st.integers(1, 4096)), other: None}
    )


@given(settings=all_settings(), prompt=texts, preset=texts)
@example(GenerationSettings(stop_strings=("none", "\n", " a+b&c=d%20#")), "?&=#+%", "")
def test_a_link_comes_back_as_it_went(
    settings: GenerationSettings, prompt: str, preset: str
) -> None:
    link = Link(prompt=prompt, settings=settings, preset=preset)
    query = to_query(link)
    assert query.isascii()
    assert from_query(f"?{query}") == from_query(query) == link


def test_only_what_differs_is_written_and_can_be_read() -> None:
    settings = GenerationSettings(
        sampler="chain", temperature=0.5, seed=7, chat=False, logit_bias=((13, -2.5),)
    )
    query = to_query(Link(prompt="The sea is", settings=settings, preset="small"))
    assert query == (
        "v=1&preset=small&sampler=chain&temperature=0.5&seed=7&logit_bias=13:-2.5"
        "&chat=false&prompt=The+sea+is"
    )
    assert to_query(Link()) == "v=1"


def test_a_link_written_by_hand_is_read() -> None:
    link = from_query("?prompt=The%20sea%20is&temperature=1&max_new_tokens=32")
    assert link == Link(
        prompt="The sea is",
        settings=GenerationSettings(temperature=1.0, max_new_tokens=32),
    )
    assert from_query("") == from_query("?") == Link()


def test_what_a_newer_version_added_is_named_and_the_rest_is_read() -> None:
    link = from_query("v=2&mirostat=2&__theme=dark&temperature=0.5&__theme=light")
    assert link.settings == GenerationSettings(temperature=0.5)
    assert link.unknown == ("'mirostat'", "'v=2'")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("temperature=hot", "`temperature` must be a number from 0 to 2, got 'hot'"),
        ("temperature=nan", "`temperature` must be"),
        ("temperature=1_0", "`temperature` must be"),
        ("temperature=1e999", "`temperature` must be"),
        ("temperature=", "`temperature` must be"),
        ("top_k=\N{FULLWIDTH DIGIT FOUR}", "`top_k` must be a whole number"),
        ("top_k=" + "9" * 5000, "`top_k` must be a whole number"),
        ("top_k=none", "`top_k` must be"),
        ("chat=1", "`chat` must be true or false, got '1'"),
        ("sampler=<script>", "`sampler` must be one of"),
        ("stop_token_ids=2,x", "Stop tokens must be"),
        ("banned_tokens=none", "Banned tokens must be ids"),
        ("logit_bias=1:nan", "`logit_bias` must be"),
        ("logit_bias=1", "Logit biases must be"),
        ("seed=-1", "`seed` must be"),
        ("max_length=9", "Give one of"),
        ("top_k=5&top_k=6", "This link has 'top_k' twice"),
        ("a=1&a=2", "This link has 'a' twice"),
        ("prompt=%ff", "This link is broken"),
        ("&".join(f"a{n}=" for n in range(101)), "over 100 parts"),
        ("stop_strings=" + "a" * 201, "`stop_strings` must be up to 16 texts"),
        ("prompt=" + "a" * MAX_QUERY, "characters, and more than 7,500 do not arrive"),
        ("&" * 99_999, "characters, and more than 7,500"),
    ],
)
def test_what_is_no_link_is_refused_in_words(query: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        from_query(query)
    assert type(caught.value) is ValueError
    assert len(str(caught.value)) < 400


@given(st.text(max_size=60) | st.text("=&%;+?#0123456789abcdefv_", max_size=200))
def test_any_text_is_read_or_refused_in_words(query: str) -> None:
    link = outcome(query)
    if isinstance(link, Link):
        assert from_query(to_query(link)).settings == link.settings
    else:
        assert type(link) is ValueError  # and none of its unfriendly kinds


def outcome(query: str) -> Link | ValueError:
    try:
        return from_query(query)
    except ValueError as refused:
        return refused


@pytest.mark.parametrize("text", ["a" * MAX_QUERY, "\N{SNOWMAN}" * 834])
def test_a_prompt_too_long_for_a_link_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(ValueError, match="Shorten the prompt, or save the run as a"):
        to_query(Link(prompt=text))


def test_half_a_character_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="half of a character"):
        to_query(Link(prompt="\ud83d"))


def test_breakers_come_back_from_link_and_json():
    settings = GenerationSettings(dry_multiplier=0.8, dry_breakers=(198, 42))
    query = to_query(Link(prompt="Hi", settings=settings))
    assert "dry_breakers=198,42" in query
    assert from_query(query).settings == settings
    assert GenerationSettings.from_json(settings.to_json()) == settings
    with pytest.raises(ValueError, match="DRY breakers must be ids"):
        from_query("dry_breakers=colon")
