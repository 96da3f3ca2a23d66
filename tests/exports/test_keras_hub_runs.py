"""keras-hub really runs the code that a run has for it, where it is installed."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from playground.exports import keras_hub_code
from playground.models import MistralCausalLM
from playground.tokenizers import Tokenizer
from tests.exports.conftest import Write

PEERS = Path(__file__).parents[2] / ".venv-peers" / "bin" / "python"
# One process for all scripts, as keras-hub takes long to import.
RUNNER = "import runpy, sys; [runpy.run_path(file) for file in sys.argv[1:]]"
SAME: dict[str, dict[str, Any]] = {
    "greedy": {"sampler": "greedy"},
    "narrow": {"sampler": "greedy", "sliding_window": 3},
    "stopped": {"sampler": "greedy", "stop_token_ids": "the fifth"},
    "beam": {"sampler": "beam", "num_beams": 2},
    "contrastive": {"sampler": "contrastive", "contrastive_k": 3},
}
DRAWN: dict[str, dict[str, Any]] = {
    "top_p": {"sampler": "top_p", "seed": 2**32 - 1},
    "top_k": {"sampler": "top_k"},
    "random": {"sampler": "random"},
    "chain": {"sampler": "chain", "order": "llama.cpp", "dry_multiplier": 0.8},
}


@pytest.mark.slow
@pytest.mark.skipif(not PEERS.exists(), reason="`make bench-peers` installs keras-hub")
def test_keras_hub_writes_the_same_tokens_where_it_can(
    write: Write, model: MistralCausalLM, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    model.backbone.save_to_preset(tmp_path / "small")
    runs = {}
    for name, changes in (SAME | DRAWN).items():
        if changes.get("stop_token_ids"):
            fifth = runs["greedy"].token_ids[4]
            changes = changes | {"stop_token_ids": (fifth,)}
        runs[name] = write(**changes)
        (tmp_path / f"run_{name}.py").write_text(keras_hub_code(runs[name], tokenizer))
    files = [f"run_{name}.py" for name in runs]
    out = subprocess.run(
        [PEERS, "-c", RUNNER, *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert out.returncode == 0, out.stderr[-2000:]
    printed = [line for line in out.stdout.splitlines() if line.startswith("[")]
    written = dict(zip(runs, map(json.loads, printed), strict=True))
    for name in SAME:
        assert written[name] == runs[name].token_ids, name
    for name in DRAWN:
        assert len(written[name]) == len(runs[name].token_ids), name
