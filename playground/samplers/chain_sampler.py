"""The whole chain as one sampler, and named settings of it."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from playground.samplers.checks import check_seed
from playground.samplers.samplers import Sampler
from playground.samplers.values import SamplerValues


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ChainSampler(Sampler, SamplerValues):
    """Draws from what a chain of cuts and penalties leaves of the distribution.

    Its arguments are the numbers of `SamplerValues`, by name, and `seed`: [0, 2**32),
    or None for a fresh one in each run. Unless given they change nothing:
    `ChainSampler(min_p=0.05)` is min-p alone.

    Raises ValueError if a number is out of range.
    """

    seed: int | None = None

    def __post_init__(self) -> None:
        SamplerValues.__post_init__(self)
        object.__setattr__(self, "seed", check_seed(self.seed))

    def values(self) -> SamplerValues:
        return SamplerValues(
            **{each.name: getattr(self, each.name) for each in fields(SamplerValues)}
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments, as plain values fit for JSON."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    def __hash__(self) -> int:
        return hash((type(self), self.values(), self.seed))


def neutral() -> ChainSampler:
    """The chain that changes nothing: draws from the model's own distribution."""
    return ChainSampler()


PRESETS: dict[str, dict[str, Any]] = {
    "neutral": {},
    "precise": {"temperature": 0.3, "top_p": 0.9, "min_p": 0.1},
    "balanced": {"temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.1},
    # As min-p's authors recommend it for creative writing (arXiv 2407.01082), and DRY
    # with the strength that its author suggests.
    "creative": {
        "order": "llama.cpp",
        "temperature": 1.5,
        "min_p": 0.1,
        "dry_multiplier": 0.8,
    },
    # common/common.h: its penalties, DRY, typical-p, top-n-sigma and XTC are off.
    "llama.cpp default": {
        "order": "llama.cpp",
        "temperature": 0.8,
        "top_k": 40,
        "top_p": 0.95,
        "min_p": 0.05,
    },
}


def preset(name: str) -> ChainSampler:
    """A preset by its name; ValueError lists the names if there is none."""
    if name not in PRESETS:
        raise ValueError(f"Unknown preset {name!r}. Use one of: {', '.join(PRESETS)}.")
    return ChainSampler(**PRESETS[name])


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
