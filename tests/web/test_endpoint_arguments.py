"""Every argument of every endpoint: what its description allows is taken."""

import functools
from typing import Any

import gradio as gr
import pytest

from playground.controls import BY_NAME, Control
from playground.interface.form import SHOWN, length_control
from playground.interface.questions import TOP_N
from playground.web import build
from playground.web.endpoints import QUESTIONS
from tests.scripted import Scripted

ENDPOINTS = ("generate", *(question.__name__ for question in QUESTIONS))
CONTROLS = {control.name: control for control in SHOWN} | {
    "max_new_tokens": length_control(),
    "top_n": TOP_N,
}
TEXTS = {"prompt": "Hello", "text": "Hello", "continuation": "Hello"}
OF_KIND: dict[str, list[Any]] = {
    "toggle": [True, False],
    "stop_ids": ["auto", "none", "2, 198", [2, 198], []],
    "token_ids": [[], [2, 198], "2, 198", ""],
    "biases": [[], [[13, -2.5], [198, 1]], "13: -2.5", ""],
    "texts": [[], ["a", "\n"], "a\nb", ""],
}


@pytest.fixture(scope="module")
def page():
    """An unlaunched page; its questions say what they got, and generate has a model."""
    got: list[Any] = []

    def noting(question):
        @functools.wraps(question)
        def note(_model: Any, settings: Any, *own: Any) -> dict[str, Any]:
            got[:] = [settings, own]
            return {}

        return note

    engine = Scripted()
    engine.allow(None)
    with pytest.MonkeyPatch.context() as patch:
        noted = {noting(question): controls for question, controls in QUESTIONS.items()}
        patch.setattr("playground.web.endpoints.QUESTIONS", noted)
        page = build(engine, engine.preset)
    page.got, page.engine = got, engine
    submit = engine.submit

    def submit_noted(request):
        got[:] = [request, ()]
        return submit(request)

    engine.submit = submit_noted
    return page


def parameters(page, name):
    return page.get_api_info()["named_endpoints"][f"/{name}"]["parameters"]


def ask(page, name, **sent):
    """What reached the model, or the question, as somebody sent it."""
    values = [
        sent.get(each["parameter_name"], each.get("parameter_default"))
        for each in parameters(page, name)
    ]
    function = next(fn.fn for fn in page.fns.values() if fn.api_name == name)
    said = function(*values)
    if name == "generate":
        list(said)
    return list(page.got)


def usual(page, name):
    """Texts that are there, short answers, and nothing drawn."""
    names = {each["parameter_name"] for each in parameters(page, name)}
    sent = {**TEXTS, "chat": False, "seed": 1, "max_new_tokens": 1}
    return {key: value for key, value in sent.items() if key in names}


def allowed(control: Control) -> list[Any]:
    if control.kind == "choice":
        return list(control.choices)
    if control.kind in OF_KIND:
        return OF_KIND[control.kind]
    if control.name == "sliding_window":
        return [1, 64, None]  # at most the model's own
    least = (control.minimum or 0) + (control.step or 1) * control.above_minimum
    return [least, control.maximum or least + 1]


def refused(control: Control) -> list[Any]:
    too_many = {
        "choice": ["nothing of the kind", 7, ["top_p"]],
        "toggle": ["yes", 1, []],
        "stop_ids": ["end", -1, [-1], {"2": 1}],
        "token_ids": ["end", 7, [-1], [1.5], list(range(61))],
        "biases": ["end", 7.5, [[1]], [["a", 1]], [[1, 1]] * 61],
        "texts": [7, [7], [""], ["a"] * 17, ["a" * 201]],
    }
    if control.kind in too_many:
        return too_many[control.kind]
    beyond = [(control.minimum or 0) - 1, "hot", [1], True, 10**400]
    if control.above_minimum:
        beyond.append(control.minimum)
    return beyond + ([control.maximum + 1] if control.maximum is not None else [])


@pytest.mark.parametrize("name", ENDPOINTS)
def test_each_argument_takes_what_its_description_allows_and_refuses_the_rest(
    page, name
):
    sent = usual(page, name)
    for each in parameters(page, name):
        argument = each["parameter_name"]
        if argument in TEXTS:
            continue
        control = CONTROLS[argument]
        for value in allowed(control):
            assert ask(page, name, **{**sent, argument: value}), (argument, value)
        for value in refused(control) if argument != "top_n" else ():
            with pytest.raises(gr.Error) as refusal:
                ask(page, name, **{**sent, argument: value})
            assert len(str(refusal.value)) > 20, (argument, value)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_null_is_what_is_said_without_the_argument_or_none_where_that_is_a_value(
    page, name
):
    described = parameters(page, name)
    sent = usual(page, name)
    for each in described:
        argument = each["parameter_name"]
        if not each["parameter_has_default"]:
            continue
        left_out = {key: value for key, value in sent.items() if key != argument}
        is_none = argument in CONTROLS and CONTROLS[argument].optional
        if argument == "seed" or (argument == "stop_token_ids" and is_none):
            assert ask(page, name, **{**left_out, argument: None})
            continue
        without = ask(page, name, **left_out)
        assert ask(page, name, **{**left_out, argument: None})[1] == without[1]
        first, second = ask(page, name, **{**left_out, argument: None}), without
        if name != "generate":
            assert first == second, argument


def test_null_stop_tokens_are_none_and_a_null_seed_is_a_new_one(page):
    sent = usual(page, "generate")
    (auto, _), (none, _) = (
        ask(page, "generate", **sent, stop_token_ids=value) for value in ("auto", None)
    )
    assert auto.stop_token_ids
    assert not none.stop_token_ids
    seeds = {ask(page, "generate", **{**sent, "seed": None})[0].seed for _ in range(4)}
    assert len(seeds) > 1


def test_null_length_is_the_default(page):
    sent = usual(page, "generate") | {"max_new_tokens": None}
    (request, _) = ask(page, "generate", **sent)
    assert request.max_new_tokens == BY_NAME["max_new_tokens"].default
