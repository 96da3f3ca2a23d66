"""The model that comes along is the one that its card describes."""

import json
import re
from pathlib import Path

import pytest

from playground.models import MistralCausalLM
from playground.presets import PRESETS, is_on_this_machine
from playground.presets.catalog import folder_of
from playground.samplers import TopPSampler
from playground.training.evaluation import score_model

NAME = "shakespeare_mistral"
FOLDER = folder_of(Path("assets/presets") / NAME)
# 2,000 characters of a play that neither the model nor its vocabulary has read.
EXCERPT = (Path(__file__).parent / "held_out_excerpt.txt").read_text()


@pytest.fixture(scope="module")
def model() -> MistralCausalLM:
    return MistralCausalLM.from_preset(NAME)


def on_card(row: str) -> list[float]:
    """The numbers of a row in the card's tables: bits per byte, model and trigram."""
    card = (FOLDER / "README.md").read_text()
    (cells,) = re.findall(rf"^\| {row} \| (.*) \|$", card, re.MULTILINE)
    return [float(cell.replace(",", "")) for cell in cells.split(" | ")]


def bits_per_byte(model: MistralCausalLM) -> float:
    return score_model(model, {"": EXCERPT})[""].bits_per_byte


def test_it_is_what_the_catalog_says(model: MistralCausalLM) -> None:
    preset = PRESETS[NAME]
    assert is_on_this_machine(preset)
    assert model.name == NAME
    assert model.count_params() == preset.parameters
    config = model.backbone.get_config()
    assert (config["sliding_window"], config["head_dim"]) == (64, 48)
    assert config["num_key_value_heads"] < config["num_query_heads"]
    assert {str(variable.dtype) for variable in model.variables} == {"float32"}


def test_it_is_small_enough_for_a_repository() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 9e6


def test_the_card_is_of_this_training() -> None:
    log = json.loads((FOLDER / "training.json").read_text())
    card = (FOLDER / "README.md").read_text()
    assert f"{log['recipe']['steps']:,} steps" in card
    assert f"{log['val_loss'][-1]:.3f} nats" in card


def test_it_scores_what_its_card_says_and_more_than_a_trigram(
    model: MistralCausalLM,
) -> None:
    num_bytes, expected, trigram, *_ = on_card("an excerpt")
    assert num_bytes == len(EXCERPT)
    # The card has three digits; another processor adds float32 in another order.
    assert bits_per_byte(model) == pytest.approx(expected, abs=2e-3)
    assert expected < trigram
    _, bits, trigram, *_ = on_card("together")
    assert bits < 0.95 * trigram


@pytest.mark.slow
def test_more_window_helps_up_to_the_trained_one() -> None:
    bits = {
        window: bits_per_byte(MistralCausalLM.from_preset(NAME, sliding_window=window))
        for window in (8, 16, 32, 64, 128)
    }
    assert bits[8] > bits[16] > bits[32] > bits[64]
    # Layers pass on what is further away, so the first doubling brings the most, and
    # a wider window shows distances that the model has never seen.
    assert bits[8] - bits[16] > 2 * (bits[16] - bits[64])
    assert bits[128] > bits[64] + 0.1


@pytest.mark.slow
def test_it_writes_plays(model: MistralCausalLM) -> None:
    model.compile(sampler=TopPSampler(p=0.9, temperature=0.8, seed=1))
    text = model.generate("KING HENRY.\n", max_length=256, strip_prompt=True)
    # Somebody else speaks, and nothing is a special token.
    assert re.search(r"^[A-Z][A-Z .]+\.$", text, re.MULTILINE)
    assert "<" not in text
