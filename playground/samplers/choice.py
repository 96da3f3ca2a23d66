"""From a user's settings to a sampler, and from a named chain to settings."""

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from playground.controls import BY_NAME, CONTROLS, SEARCHES
from playground.samplers import PRESETS, ChainSampler, Sampler, SamplerValues
from playground.samplers.serialization import SAMPLERS
from playground.settings import GenerationSettings


def sampler_of(
    settings: GenerationSettings, end_tokens: Collection[int] = ()
) -> Sampler:
    """The sampler that `settings` describe; `end_tokens` are those it may have to ban.

    Numbers that the chosen sampler does not read count as off.
    """
    if is_search(settings):
        own = [c for c in CONTROLS if settings.sampler in c.samplers]
        numbers = {c.argument or c.name: getattr(settings, c.name) for c in own}
        return SAMPLERS[settings.sampler](**numbers)
    values = {
        each.name: getattr(settings, each.name)
        for each in fields(SamplerValues)
        if BY_NAME[each.name].acts_on(settings.sampler)
    }
    if settings.sampler == "greedy":
        values["temperature"] = 0.0
    if settings.ban_end_token:
        values["banned_tokens"] = sorted({*settings.banned_tokens, *end_tokens})
    return ChainSampler(**values)


def chain_of_preset(name: str) -> dict[str, Any]:
    """All settings of the chain as the preset of that name has them.

    "neutral" switches everything off. Bans, biases and breakers, a model's ids, stay.
    """
    numbers = {
        each.name: each.default
        for each in fields(SamplerValues)
        if BY_NAME[each.name].kind not in ("token_ids", "biases")
    }
    return {"sampler": "chain", **numbers, **PRESETS[name]}


def is_search(settings: GenerationSettings) -> bool:
    """Whether whole texts are compared, so that none is final before the end."""
    return settings.sampler in SEARCHES
