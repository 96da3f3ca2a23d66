"""The line that says which model this is."""

from playground.interface.model_card import facts_of, model_card
from tests.conftest import tiny_model


def test_it_tells_sizes_and_precision_and_escapes_the_name():
    model = tiny_model(num_layers=2)
    card = model_card("<b>tiny</b>", model)
    assert "&lt;b&gt;tiny&lt;/b&gt;" in card
    for fact in (
        "2 layers",
        "4 heads (2 key/value)",
        "window 7 tokens",
        "float32 on CPU",
    ):
        assert f"<span>{fact}</span>" in card
    parameters = next(each for each in facts_of(model) if "parameters" in each)
    model.quantize("int8")
    card = model_card("tiny", model)
    assert "<span>int8 weights, float32 on CPU</span>" in card
    assert parameters in card


def test_before_the_model_is_loaded_there_is_only_its_name():
    assert model_card("tiny", None) == '<p class="card"><strong>tiny</strong></p>'
