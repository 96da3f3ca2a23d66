"""Numbers out of somebody else's configuration, with every fault noted on the way."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from playground.presets.errors import LoadError, listed, shown


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The pairs of a file. A wrong value is noted in `faults`, and stands as 1."""

    values: Mapping[str, Any]
    prefix: str = ""
    faults: list[str] = field(default_factory=list)

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default where the key is absent or null."""
        value = self.values.get(self.prefix + key)
        return default if value is None else value

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number of at least 1."""
        return int(self._checked(key, self.get(key, default), int))

    def positive(self, key: str, default: float | None = None) -> float:
        """A finite number above 0."""
        return float(self._checked(key, self.get(key, default), (int, float)))

    def part(self, key: str, pairs: Mapping[str, Any]) -> "Checked":
        """The pairs of an object in the file, under its key; faults are noted here."""
        values = {f"{key}.{name}": value for name, value in pairs.items()}
        return Checked(values=values, prefix=f"{key}.", faults=self.faults)

    def require_no_faults(self, opening: str, supported: str) -> None:
        """Raise LoadError with each fault once, between these two sentences."""
        if self.faults:
            faults = listed(list(dict.fromkeys(self.faults)))
            raise LoadError(f"{opening}{faults}\n{supported}")

    def _checked(self, key: str, value: Any, kind: Any) -> Any:
        is_number = isinstance(value, kind) and not isinstance(value, bool)
        if is_number and 0 < value < 2**53 and math.isfinite(value):
            return value
        if value is None:
            self.faults.append(f"{self.prefix}{key} is missing")
        else:
            what = "a whole number" if kind is int else "a number"
            self.faults.append(
                f"{self.prefix}{key} must be {what} above 0, got {shown(value)}"
            )
        return 1


def window_arguments(windows: Sequence[int | None]) -> dict[str, Any]:
    """Arguments of `MistralBackbone` for the windows of all layers, at least one.

    >>> window_arguments([None, 8, None, 8])
    {'sliding_window': 8, 'layer_windows': [None, 8, None, 8]}
    >>> window_arguments([8, 8])
    {'sliding_window': 8}
    """
    if len(set(windows)) == 1:
        return {"sliding_window": windows[0]}
    widest = max(window for window in windows if window is not None)
    return {"sliding_window": widest, "layer_windows": list(windows)}


def head_faults(
    num_query_heads: int, num_key_value_heads: int, head_dim: int
) -> list[str]:
    """What is wrong with the sizes of the attention heads."""
    faults = []
    if num_query_heads % num_key_value_heads:
        faults.append(
            f"{num_query_heads} query heads cannot share {num_key_value_heads} "
            "key/value heads evenly"
        )
    if head_dim < 1 or head_dim % 2:
        faults.append(f"the size of a head, {head_dim}, must be even and above 0")
    return faults
