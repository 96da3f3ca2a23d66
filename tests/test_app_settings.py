"""What the README asks of a Space, beside what tests/test_repository.py checks."""

from pathlib import Path

import yaml

from playground.interface.self_check import PYTHONS
from playground.presets import DEFAULT_PRESET

README = Path(__file__).parents[1] / "README.md"
# https://huggingface.co/docs/hub/spaces-config-reference
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
KNOWN = {
    "title emoji colorFrom colorTo sdk sdk_version python_version app_file models tags",
    "short_description suggested_hardware startup_duration_timeout license pinned",
}


def test_a_space_understands_every_setting_and_runs_the_default_model():
    begin, settings, _ = README.read_text("utf-8").split("---\n", 2)
    assert begin == ""
    space = yaml.safe_load(settings)
    assert {*space} == {name for names in KNOWN for name in names.split()}
    assert {space["colorFrom"], space["colorTo"]} <= COLOURS
    assert len(space["emoji"]) == 1
    assert (space["sdk"], space["suggested_hardware"]) == ("gradio", "cpu-basic")
    python = tuple(map(int, space["python_version"].split(".")))
    assert PYTHONS[0] <= python <= PYTHONS[1]
    (model,) = space["models"]
    assert model.rpartition("/")[2].lower().replace("-", "_") == DEFAULT_PRESET
