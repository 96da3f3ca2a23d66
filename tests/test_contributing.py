"""The examples in CONTRIBUTING.md do what it says."""

import re
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np

from playground.controls import Control
from playground.samplers.cuts import everything, is_kept

PAGE = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = [
    dedent(each) for each in re.findall(r"^ *```python\n(.*?)^ *```", PAGE, re.M | re.S)
]


def example(begins: str) -> str:
    """The example that has this line."""
    (found,) = (each for each in EXAMPLES if f"\n{begins}" in each)
    return found


def test_the_cut_keeps_what_its_formula_says():
    names: dict[str, Any] = {}
    exec(example("def _top_a("), names)
    logits = jnp.log(jnp.array([0.5, 0.3, 0.15, 0.05]))
    for number, expected in ((0.8, [0, 1]), (0.3, [0, 1, 2]), (0.0, [0, 1, 2, 3])):
        row = SimpleNamespace(numbers={"top_a": jnp.float32(number)})  # 0.2, 0.075, 0
        kept = names["_top_a"](logits, everything(logits), row)
        assert np.flatnonzero(is_kept(logits, kept)).tolist() == expected


def test_the_control_is_one():
    code = example("_sampler(").replace("\n_sampler(", "\ncontrol = _sampler(")
    names: dict[str, Any] = {}
    exec(code, names)
    control = names["control"]
    assert isinstance(control, Control)
    assert control.fault(control.default) is None
    assert control.fault(1.5) is not None
