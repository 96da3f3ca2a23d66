"""The settings of one run: frozen, checked, and the same in JSON, page and code."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from playground.controls import CONTROLS, clipped, declared


@dataclass(frozen=True, kw_only=True)
class GenerationSettings(
    declared.Prompt,
    declared.Window,
    declared.Stops,
    declared.EndToken,
    declared.Penalties,
    declared.Length,
    declared.Searches,
    declared.Cuts,
    declared.ChainOrder,
    declared.Choice,
):
    """All settings of one run.

    Bounds and meanings are those of `playground.controls`. At most one of
    `max_new_tokens` and `max_length` may be given; `max_length` counts the prompt, as
    in keras-hub. `chat` None leaves it to the model: in its chat format if it has one.
    Raises ValueError that lists every fault at once.
    """

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
