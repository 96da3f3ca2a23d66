"""From settings to samplers."""

from dataclasses import fields
from typing import Any

import pytest

from playground.controls import BY_NAME, SAMPLERS
from playground.samplers import (
    PRESETS,
    BeamSampler,
    ChainSampler,
    ContrastiveSampler,
    GreedySampler,
    RandomSampler,
    Sampler,
    SamplerValues,
    TopKSampler,
    TopPSampler,
)
from playground.samplers.choice import chain_of_preset, is_search, sampler_of
from playground.settings import GenerationSettings

EVERY_KNOB: dict[str, Any] = {
    "temperature": 0.6,
    "top_k": 7,
    "top_p": 0.8,
    "min_p": 0.2,
    "num_beams": 3,
    "contrastive_k": 6,
    "alpha": 0.4,
    "xtc_probability": 0.5,
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("greedy", GreedySampler()),
        ("random", RandomSampler(temperature=0.6)),
        ("top_k", TopKSampler(7, temperature=0.6)),
        ("top_p", TopPSampler(0.8, temperature=0.6)),
        ("min_p", ChainSampler(temperature=0.6, min_p=0.2)),
        ("beam", BeamSampler(3)),
        ("contrastive", ContrastiveSampler(6, 0.4)),
    ],
)
def test_a_sampler_reads_its_own_knobs_only(name: str, expected: Sampler) -> None:
    settings = GenerationSettings(sampler=name, **EVERY_KNOB)
    assert sampler_of(settings).values() == expected.values()


def test_the_chain_reads_every_number_there_is() -> None:
    known = {
        "banned_tokens": (5, 9),
        "dry_breakers": (3, 4),
        "logit_bias": ((3, -1.5),),
        "order": "llama.cpp",
    }
    changed = {
        field.name: known.get(field.name) or _other(field.name)
        for field in fields(SamplerValues)
    }
    values = sampler_of(GenerationSettings(sampler="chain", **changed)).values()
    assert values == SamplerValues(**changed)


def _other(name: str) -> Any:
    """A value of the control that is not its default."""
    control = BY_NAME[name]
    assert control.maximum is not None
    return control.maximum if control.maximum != control.default else 0.5


@pytest.mark.parametrize("name", ["greedy", "top_p", "chain"])
def test_the_end_token_can_be_banned(name: str) -> None:
    settings = GenerationSettings(sampler=name, ban_end_token=True, banned_tokens=(7,))
    values = sampler_of(settings, end_tokens=frozenset({2, 7})).values()
    assert isinstance(values, SamplerValues)
    assert values.banned_tokens == (2, 7)
    without = sampler_of(GenerationSettings(sampler=name), {2}).values()
    assert isinstance(without, SamplerValues)
    assert without.banned_tokens == ()


def test_a_penalty_acts_on_greedy_too() -> None:
    settings = GenerationSettings(sampler="greedy", repetition_penalty=1.3)
    values = sampler_of(settings).values()
    assert values == SamplerValues(temperature=0.0, repetition_penalty=1.3)


@pytest.mark.parametrize("name", PRESETS)
def test_a_named_chain_becomes_settings(name: str) -> None:
    before = GenerationSettings(sampler="greedy", logit_bias=((3, 1.0),), min_p=0.9)
    settings = GenerationSettings(
        **{**before.to_json(), "logit_bias": ((3, 1.0),), **chain_of_preset(name)}
    )
    values = sampler_of(settings).values()
    assert values == SamplerValues(**PRESETS[name], logit_bias=((3, 1.0),))


def test_searches_are_known() -> None:
    found = [s for s in SAMPLERS if is_search(GenerationSettings(sampler=s))]
    assert found == ["beam", "contrastive"]
