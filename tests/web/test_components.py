"""What the page's controls are made of."""

import gradio as gr
import pytest

from playground.controls import BY_NAME
from playground.interface.form import SHOWN
from playground.web.components import to_component


@pytest.mark.parametrize("control", SHOWN, ids=lambda control: control.name)
def test_a_component_has_the_words_of_its_control(control):
    component = to_component(control)
    assert component.label == control.label
    assert component.info == control.help
    assert component.elem_id == control.name


@pytest.mark.parametrize(
    ("name", "kind", "low", "high"),
    [
        ("temperature", gr.Slider, 0, 2),
        ("top_p", gr.Slider, 0.01, 1),  # 0 itself is not allowed
        ("top_k", gr.Number, 0, 1000),
        ("max_new_tokens", gr.Number, 1, 4096),
    ],
)
def test_a_number_has_the_bounds_of_its_control(name, kind, low, high):
    control = BY_NAME[name]
    if control.optional:
        assert isinstance(to_component(control), gr.Textbox)
        return
    component = to_component(control)
    assert isinstance(component, kind)
    assert (component.minimum, component.maximum) == (low, high)
    assert component.value == control.default


def test_the_samplers_are_offered_by_short_names():
    assert to_component(BY_NAME["sampler"]).choices == [
        ("Top-p", "top_p"),
        ("Top-k", "top_k"),
        ("Min-p", "min_p"),
        ("Random", "random"),
        ("Greedy", "greedy"),
        ("Chain", "chain"),
        ("Beams", "beam"),
        ("Contrastive", "contrastive"),
    ]
