"""Writes tests/oracles/families.npz: what transformers makes of the tiny models.

Not part of the tests: it needs torch and transformers 5.23, in an environment of their
own. The models come from `family_models`, so nothing else is stored.

    python -m tests.oracles.make_families_oracle
"""

from pathlib import Path
from typing import Any

import numpy as np

# Of an environment of their own.
import torch  # type: ignore[import-not-found]
import transformers  # type: ignore[import-not-found]

from tests.oracles.family_models import CONFIGS, token_ids, weights

CLASSES = {
    "mistral": ("MistralConfig", "MistralForCausalLM"),
    "ministral": ("MinistralConfig", "MinistralForCausalLM"),
    "ministral3": ("Ministral3Config", "Ministral3ForCausalLM"),
    "llama": ("LlamaConfig", "LlamaForCausalLM"),
}


def logits(config: dict[str, Any]) -> np.ndarray:
    """Of the text part alone: transformers runs just that where there is no picture."""
    text = config.get("text_config", config)
    kind = text["model_type"]
    if kind == "mistral" and "layer_types" in text:
        kind = "ministral"  # as its AutoConfig does
    of_config, of_model = CLASSES[kind]
    values = {key: value for key, value in text.items() if key != "model_type"}
    model = getattr(transformers, of_model)(
        getattr(transformers, of_config)(**values, attn_implementation="eager")
    )
    parameters = dict(model.named_parameters())
    drawn = weights({name: tuple(p.shape) for name, p in parameters.items()})
    for name, parameter in parameters.items():
        parameter.data = torch.tensor(drawn[name])
    with torch.no_grad():
        found = model.float().eval()(input_ids=torch.tensor(token_ids()[None]).long())
    return np.asarray(found.logits[0].numpy(), np.float32)


def main() -> None:
    found = {name: logits(config) for name, config in CONFIGS.items()}
    np.savez_compressed(Path(__file__).with_name("families.npz"), **found)


if __name__ == "__main__":
    main()
