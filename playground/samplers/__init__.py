"""Samplers: how the next token is chosen from the model's logits."""

from playground.samplers.chain import NO_TOKEN, ChainValues, encode, sample
from playground.samplers.checks import MAX_SEED
from playground.samplers.samplers import (
    GreedySampler,
    RandomSampler,
    Sampler,
    SamplerValues,
    TopKSampler,
    TopPSampler,
)
from playground.samplers.search import (
    BeamSampler,
    BeamValues,
    ContrastiveSampler,
    ContrastiveValues,
)
from playground.samplers.serialization import deserialize, get, serialize

__all__ = [
    "MAX_SEED",
    "NO_TOKEN",
    "BeamSampler",
    "BeamValues",
    "ChainValues",
    "ContrastiveSampler",
    "ContrastiveValues",
    "GreedySampler",
    "RandomSampler",
    "Sampler",
    "SamplerValues",
    "TopKSampler",
    "TopPSampler",
    "deserialize",
    "encode",
    "get",
    "sample",
    "serialize",
]
