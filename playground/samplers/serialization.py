"""Samplers from names and configs and back, as keras_hub.samplers does."""

from collections.abc import Mapping
from typing import Any

from playground.samplers.chain_sampler import ChainSampler
from playground.samplers.samplers import (
    GreedySampler,
    RandomSampler,
    Sampler,
    TopKSampler,
    TopPSampler,
)
from playground.samplers.search import BeamSampler, ContrastiveSampler

SAMPLERS: dict[str, type[Sampler]] = {
    "beam": BeamSampler,
    "chain": ChainSampler,
    "contrastive": ContrastiveSampler,
    "greedy": GreedySampler,
    "random": RandomSampler,
    "top_k": TopKSampler,
    "top_p": TopPSampler,
}


def get(identifier: str | Mapping[str, Any] | Sampler | type[Sampler]) -> Sampler:
    """A sampler from its name, its config (see `serialize`), its class, or itself.

    >>> get("top_k")
    TopKSampler(temperature=1.0, seed=None, k=5)

    Raises ValueError if the name or the config is unknown or a number out of range.
    """
    if isinstance(identifier, Sampler):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Sampler):
        return identifier()
    if isinstance(identifier, str):
        return _class_of(identifier)()
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    raise ValueError(
        "A sampler must be a name, a config, a Sampler or a Sampler class, "
        f"got {identifier!r}. Names: {_names()}."
    )


def serialize(sampler: Sampler) -> dict[str, Any]:
    """`{"class_name": ..., "config": {...}}`, plain values fit for JSON."""
    return {"class_name": type(sampler).__name__, "config": sampler.get_config()}


def deserialize(config: Mapping[str, Any]) -> Sampler:
    """The sampler that `serialize` (keras_hub's or ours) wrote.

    Raises ValueError if the class or one of its arguments is unknown.
    """
    name, arguments = config.get("class_name"), config.get("config", {})
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        raise ValueError(
            'A sampler config must look like {"class_name": "TopKSampler", '
            f'"config": {{"k": 5}}}}, got {dict(config)!r}.'
        )
    sampler_class = _class_of(name.removeprefix("keras_hub>"))
    known = sampler_class().get_config()
    if unknown := sorted(set(arguments) - set(known)):
        raise ValueError(
            f"{name} takes {', '.join(known)}, got {', '.join(unknown)}. "
            "Remove what it does not take."
        )
    return sampler_class.from_config(dict(arguments))


def _class_of(name: str) -> type[Sampler]:
    """The class of a sampler's name ("top_k") or class name ("TopKSampler")."""
    classes = SAMPLERS | {each.__name__: each for each in SAMPLERS.values()}
    if name not in classes:
        raise ValueError(f"Unknown sampler {name!r}. Use one of: {_names()}.")
    return classes[name]


def _names() -> str:
    return ", ".join(SAMPLERS)
