"""From a person's settings to a sampler, and from a named chain to settings."""

from collections.abc import Collection
from typing import Any

from playground import samplers
from playground.controls import BY_NAME, SEARCHES
from playground.samplers import PRESETS, SamplerValues
from playground.settings import GenerationSettings

_NUMBERS = tuple(
    name
    for name in SamplerValues.__dataclass_fields__
    if name in BY_NAME and name != "banned_tokens"
)


def sampler_of(
    settings: GenerationSettings, end_tokens: Collection[int] = ()
) -> samplers.Sampler:
    """The sampler that `settings` describe; `end_tokens` are those it may have to ban.

    Numbers that the chosen sampler does not read count as off.
    """
    match settings.sampler:
        case "beam":
            return samplers.BeamSampler(settings.num_beams)
        case "contrastive":
            return samplers.ContrastiveSampler(settings.contrastive_k, settings.alpha)
    values = {name: getattr(settings, name) for name in acting_numbers(settings)}
    if settings.sampler == "greedy":
        values["temperature"] = 0.0
    banned = {*settings.banned_tokens}
    if settings.ban_end_token:
        banned |= {*end_tokens}
    return samplers.ChainSampler(**values, banned_tokens=tuple(sorted(banned)))


def acting_numbers(settings: GenerationSettings) -> tuple[str, ...]:
    """The names of the chain's numbers that the chosen sampler reads."""
    return tuple(name for name in _NUMBERS if BY_NAME[name].acts_on(settings.sampler))


def chain_of_preset(name: str) -> dict[str, Any]:
    """All settings of the chain as the preset of that name has them.

    "neutral" switches everything off. Bans, biases and breakers, a model's ids, stay.
    """
    neutral, wanted = SamplerValues(), PRESETS[name]
    own = ("dry_breakers", "logit_bias")
    numbers = {n: getattr(neutral, n) for n in _NUMBERS if n not in own}
    return {"sampler": "chain", **numbers, **wanted}


def is_search(settings: GenerationSettings) -> bool:
    """Whether whole texts are compared, so that none is final before the end."""
    return settings.sampler in SEARCHES
