"""The examples in docs/training.md run as they stand there, on a tiny model."""

import re
from pathlib import Path
from typing import Any

import pytest

from playground.models import (
    MistralCausalLM,
    MistralCausalLMPreprocessor,
    MistralTokenizer,
)
from tests.conftest import tiny_model

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


@pytest.mark.slow
def test_the_example_of_lora_learns_to_write_letters(
    tokenizer: MistralTokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backbone = tiny_model(vocabulary_size=300, num_layers=1).backbone
    preprocessor = MistralCausalLMPreprocessor(tokenizer, 64)
    MistralCausalLM(backbone, preprocessor).save_to_preset(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("shakespeare_mistral", str(tmp_path)), names)
    losses = names["history"].history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    trained = {variable.name for variable in names["model"].trainable_variables}
    assert trained == {"lora_kernel_a", "lora_kernel_b"}
    assert capsys.readouterr().out.startswith("Dear Kate,\n")


def test_the_page_names_every_step() -> None:
    files = set(re.findall(r"^\| `(\w+\.py)`", PAGE.read_text(), re.MULTILINE))
    steps = {path.name for path in (PAGE.parents[1] / "playground/training").glob("*")}
    assert files == steps - {"__init__.py", "__pycache__"}
