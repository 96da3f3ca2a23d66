"""The settings of one run: frozen, checked, and the same in JSON, page and code."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from playground.controls import BY_NAME, CONTROLS, clipped


def _default(name: str) -> Any:
    return BY_NAME[name].default


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """Everything that a person chooses for one run.

    Bounds and meanings are those of `playground.controls`. At most one of
    `max_new_tokens` and `max_length` may be given; `max_length` counts the prompt, as
    in keras-hub. `chat` None leaves it to the model: in its chat format if it has one.
    Raises ValueError that lists every fault at once.
    """

    sampler: str = _default("sampler")
    order: str = _default("order")
    temperature: float = _default("temperature")
    top_k: int = _default("top_k")
    top_p: float = _default("top_p")
    min_p: float = _default("min_p")
    typical_p: float = _default("typical_p")
    top_n_sigma: float = _default("top_n_sigma")
    epsilon: float = _default("epsilon")
    eta: float = _default("eta")
    xtc_probability: float = _default("xtc_probability")
    xtc_threshold: float = _default("xtc_threshold")
    num_beams: int = _default("num_beams")
    contrastive_k: int = _default("contrastive_k")
    alpha: float = _default("alpha")
    seed: int | None = _default("seed")
    max_new_tokens: int | None = _default("max_new_tokens")
    max_length: int | None = _default("max_length")
    repetition_penalty: float = _default("repetition_penalty")
    presence_penalty: float = _default("presence_penalty")
    frequency_penalty: float = _default("frequency_penalty")
    penalty_last_n: int = _default("penalty_last_n")
    dry_multiplier: float = _default("dry_multiplier")
    dry_base: float = _default("dry_base")
    dry_allowed_length: int = _default("dry_allowed_length")
    dry_last_n: int = _default("dry_last_n")
    dry_breakers: tuple[int, ...] = _default("dry_breakers")
    logit_bias: tuple[tuple[int, float], ...] = _default("logit_bias")
    banned_tokens: tuple[int, ...] = _default("banned_tokens")
    ban_end_token: bool = _default("ban_end_token")
    stop_token_ids: str | tuple[int, ...] | None = _default("stop_token_ids")
    stop_strings: tuple[str, ...] = _default("stop_strings")
    keep_stop_string: bool = _default("keep_stop_string")
    sliding_window: int | None = _default("sliding_window")
    shorten_prompt: bool = _default("shorten_prompt")
    chat: bool | None = _default("chat")
    strip_prompt: bool = _default("strip_prompt")

    def __post_init__(self) -> None:
        for control in CONTROLS:
            value = _without_lists(getattr(self, control.name))
            object.__setattr__(self, control.name, value)
        faults = [
            fault
            for control in CONTROLS
            if (fault := control.fault(getattr(self, control.name)))
        ]
        if not faults and (self.max_new_tokens is None) == (self.max_length is None):
            faults = [
                "Give one of `max_new_tokens` and `max_length`, not both or neither; "
                f"got {self.max_new_tokens} and {self.max_length}."
            ]
        if faults:
            raise ValueError("\n".join(faults))

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json.dumps` takes and `from_json` gives back unchanged."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        if self.chat is None:
            del values["chat"]  # older versions read true or false, or its absence
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Settings from `to_json`'s output; ValueError names unknown keys."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(
                f"Unknown settings {clipped(unknown)}; known: {sorted(known)}."
            )
        return cls(**values)


def _without_lists(value: Any) -> Any:
    """JSON has lists where a setting has tuples."""
    return tuple(map(_without_lists, value)) if isinstance(value, list) else value
