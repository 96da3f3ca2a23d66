"""Samplers: how the next token is chosen from the model's logits."""

from playground.samplers.chain import NO_TOKEN, ChainValues, encode, sample
from playground.samplers.samplers import (
    MAX_SEED,
    GreedySampler,
    RandomSampler,
    Sampler,
    SamplerValues,
    TopKSampler,
    TopPSampler,
)
from playground.samplers.serialization import deserialize, get, serialize

__all__ = [
    "MAX_SEED",
    "NO_TOKEN",
    "ChainValues",
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
