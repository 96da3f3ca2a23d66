"""Samplers: how the next token is chosen from the model's logits."""

from playground.controls.bounds import MAX_SEED
from playground.controls.declared import ORDERS
from playground.samplers.chain import NO_TOKEN, sample
from playground.samplers.chain_sampler import PRESETS, ChainSampler, neutral, preset
from playground.samplers.chain_stages import NO_STAGE, STAGES, Stages, one_row, stages
from playground.samplers.record import Record, measure
from playground.samplers.samplers import (
    GreedySampler,
    RandomSampler,
    Sampler,
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
from playground.samplers.values import (
    CUTS,
    MAX_BIASES,
    MAX_BREAKERS,
    ChainValues,
    SamplerValues,
    active_cuts,
    encode,
)

__all__ = [
    "CUTS",
    "MAX_BIASES",
    "MAX_BREAKERS",
    "MAX_SEED",
    "NO_STAGE",
    "NO_TOKEN",
    "ORDERS",
    "PRESETS",
    "STAGES",
    "BeamSampler",
    "BeamValues",
    "ChainSampler",
    "ChainValues",
    "ContrastiveSampler",
    "ContrastiveValues",
    "GreedySampler",
    "RandomSampler",
    "Record",
    "Sampler",
    "SamplerValues",
    "Stages",
    "TopKSampler",
    "TopPSampler",
    "active_cuts",
    "deserialize",
    "encode",
    "get",
    "measure",
    "neutral",
    "one_row",
    "preset",
    "sample",
    "serialize",
    "stages",
]
