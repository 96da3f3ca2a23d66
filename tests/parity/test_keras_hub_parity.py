"""Our model against keras-hub's: what it generates, scores and learns."""

import keras
import numpy as np
import pytest

from playground import samplers
from playground.models import MistralCausalLM
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
from tests.parity.test_tiny_parity import FLOAT32, build


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return stored.tiny_case(request.param)


@pytest.fixture(scope="module")
def model(case):
    return build(case)


def generate(model: MistralCausalLM, prompt, stop_token_ids=None):
    token_ids = np.pad(prompt, (0, LENGTH - len(prompt)))[None]
    mask = (np.arange(LENGTH) < len(prompt))[None]
    made = model.generate(
        {"token_ids": token_ids, "padding_mask": mask}, stop_token_ids=stop_token_ids
    )
    return np.where(made["padding_mask"], made["token_ids"], -1)[0]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("label", SAMPLERS)
def test_the_same_tokens(case, model, label, prompt):
    class_name, arguments = SAMPLERS[label]
    model.compile(sampler=getattr(samplers, class_name)(**arguments))
    made = generate(model, case.token_ids[0][:prompt])
    expected = stored.keras_hub(f"{case.name}/{label}/{prompt}")
    assert made.tolist() == expected.tolist()


def test_the_same_tokens_up_to_a_stop(case, model):
    expected = stored.keras_hub(f"{case.name}/greedy_stopped").tolist()
    stop = next(i for i in reversed(expected) if i != -1)
    model.compile(sampler="greedy")
    made = generate(model, case.token_ids[0][: PROMPTS[0]], [stop])
    assert expected[-1] == -1
    assert made.tolist() == expected


@pytest.mark.parametrize(
    ("task", "arguments"),
    [
        ("score", {}),
        ("score_intercepted", {"layer_intercept_fn": intercept}),
        ("loss", {"scoring_mode": "loss"}),
    ],
)
def test_the_same_scores(case, model, task, arguments):
    row = case.token_ids[:1]
    if "scoring_mode" in arguments:
        arguments = {**arguments, "target_ids": np.roll(row, -1)}
    scores = model.score(row, **arguments)
    expected = stored.keras_hub(f"{case.name}/{task}")
    np.testing.assert_allclose(scores, expected, rtol=0, atol=FLOAT32)


@pytest.mark.parametrize(
    ("name", "label"),
    [("grouped_query_window_8", "adam"), ("wide_heads_window_8", "auto")],
)
def test_the_same_losses_step_by_step(name, label):
    case = stored.tiny_case(name)
    model = build(case)
    optimizer = "auto" if label == "auto" else keras.optimizers.Adam(1e-3)
    model.compile(optimizer=optimizer)
    x, y, weights = lesson(case)
    history = model.fit(
        x, y, sample_weight=weights, batch_size=len(y), epochs=STEPS, verbose=0
    ).history
    at = f"{name}/fit_{label}"
    for metric in ("loss", "sparse_categorical_accuracy"):
        expected = stored.keras_hub(f"{at}/{metric}")
        assert len(expected) == STEPS
        np.testing.assert_allclose(history[metric], expected, rtol=0, atol=1e-4)
    mask = case.padding_mask
    expected = stored.keras_hub(f"{at}/logits")[mask]
    np.testing.assert_allclose(np.asarray(model(x))[mask], expected, rtol=0, atol=1e-3)
