"""Make `keras_hub.npz`: what keras-hub generates, scores and learns.

It is asked on tiny checkpoints, those of `tiny.npz`. Run it again only to add a case,
in the environment that `make_tiny_oracle.py` describes, from the repository root:

    PYTHONPATH=. python tests/oracles/make_keras_hub_oracle.py

For each case the file holds the texts [LENGTH] that every deterministic sampler makes
of a prompt, the scores of a text with and without a `layer_intercept_fn`, and the loss
and accuracy of each of 20 steps of `fit`, with the logits after them.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from peer_models import keras_hub_model, provenance

from tests.oracles import stored
from tests.oracles.keras_hub_tasks import (
    CASES,
    LENGTH,
    PROMPTS,
    SAMPLERS,
    STEPS,
    intercept,
    lesson,
)

OUTPUT = Path(__file__).with_name("keras_hub.npz")


def generate(model: Any, sampler: Any, prompt: np.ndarray, stops: Any) -> np.ndarray:
    """One prompt at a time: keras-hub writes over the longer ones of a ragged batch."""
    token_ids = np.zeros((1, LENGTH), "int32")
    token_ids[0, : len(prompt)] = prompt
    mask = (np.arange(LENGTH) < len(prompt))[None].astype("int32")
    model.compile(sampler=sampler, run_eagerly=False)
    made = model.generate(
        {"token_ids": token_ids, "padding_mask": mask}, stop_token_ids=stops
    )
    kept = np.asarray(made["padding_mask"])[0].astype(bool)
    return np.where(kept, np.asarray(made["token_ids"])[0], -1).astype(np.int16)


def main() -> None:
    import keras
    from keras_hub import samplers

    made: dict[str, np.ndarray] = {}
    for name in CASES:
        case = stored.tiny_case(name)
        model = keras_hub_model(case.weights, case.config)
        row = case.token_ids[0]
        for label, (class_name, arguments) in SAMPLERS.items():
            for length in PROMPTS:
                sampler = getattr(samplers, class_name)(**arguments)
                made[f"{name}/{label}/{length}"] = generate(
                    model, sampler, row[:length], None
                )
        greedy = made[f"{name}/greedy/{PROMPTS[0]}"]
        stop = [int(greedy[PROMPTS[0] + 6])]
        made[f"{name}/greedy_stopped"] = generate(
            model, samplers.GreedySampler(), row[: PROMPTS[0]], stop
        )
        inputs = {"token_ids": row[None], "padding_mask": np.ones((1, len(row)), int)}
        targets = np.roll(row, -1)[None]
        made[f"{name}/score"] = np.asarray(model.score(**inputs))
        made[f"{name}/score_intercepted"] = np.asarray(
            model.score(**inputs, layer_intercept_fn=intercept)
        )
        made[f"{name}/loss"] = np.asarray(
            model.score(**inputs, scoring_mode="loss", target_ids=targets)
        )
        x, y, weights = lesson(case)
        for label, optimizer in (
            ("auto", "auto"),
            ("adam", keras.optimizers.Adam(1e-3)),
        ):
            model = keras_hub_model(case.weights, case.config)
            model.compile(optimizer=optimizer)
            history = model.fit(
                x, y, sample_weight=weights, batch_size=len(y), epochs=STEPS, verbose=0
            ).history
            made |= {f"{name}/fit_{label}/{k}": np.array(v) for k, v in history.items()}
            made[f"{name}/fit_{label}/logits"] = np.asarray(model(x))
    np.savez_compressed(OUTPUT, about=np.array(json.dumps(provenance())), **made)
    print(f"{OUTPUT}: {OUTPUT.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
