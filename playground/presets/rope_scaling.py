"""How a model's rotary frequencies are scaled: what is known of each kind.

A scaling is a plain object, so that a configuration can hold it:

    {"type": "yarn", "factor": 16.0, "original_context_length": 16384}
"""

import math
from collections.abc import Mapping
from typing import Any

_LONGEST = 1 << 16  # of a list of divisors: half the size of a head


def mscale(factor: float, scale: float = 1.0) -> float:
    """YaRN's 0.1 m ln(factor) + 1, and 1 where nothing is stretched."""
    return 0.1 * scale * math.log(factor) + 1.0 if factor > 1 else 1.0


def _yarn_attention_factor(scaling: Mapping[str, Any]) -> float:
    """What the paper suggests."""
    return mscale(scaling["factor"])


REQUIRED = None
# Kind -> its numbers, with what they are unless they are given.
KINDS: dict[str, dict[str, Any]] = {
    "default": {},
    "dynamic": {"factor": REQUIRED, "original_context_length": REQUIRED},
    "yarn": {
        "factor": REQUIRED,
        "original_context_length": REQUIRED,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "truncate": True,
        "attention_factor": _yarn_attention_factor,
    },
    "llama3": {
        "factor": REQUIRED,
        "original_context_length": REQUIRED,
        "low_frequency_factor": REQUIRED,
        "high_frequency_factor": REQUIRED,
    },
    "divisors": {"divisors": REQUIRED},
}
_OF_ALL = {"query_beta": 0.0, "original_context_length": 0}


def checked_scaling(scaling: Mapping[str, Any] | None) -> dict[str, Any]:
    """The scaling with all its numbers; {} where there is none.

    Raises:
        ValueError: Another kind, or a number that is missing, wrong or not known.
    """
    if not scaling:
        return {}
    kind = scaling.get("type")
    if kind not in KINDS:
        raise ValueError(
            f"`rope_scaling` must have one of the types {', '.join(KINDS)}, got "
            f"{kind!r:.80}."
        )
    known = _OF_ALL | KINDS[kind]
    if unknown := scaling.keys() - known.keys() - {"type"}:
        raise ValueError(
            f"`rope_scaling` of the type {kind!r} has no {', '.join(sorted(unknown))}."
        )
    found = {"type": kind}
    for name, default in known.items():
        value = scaling.get(name, default(scaling) if callable(default) else default)
        if not _is_right(name, value, kind):
            raise ValueError(
                f"`{name}` in `rope_scaling` of the type {kind!r} cannot be "
                f"{value!r:.80}."
            )
        found[name] = value
    if kind == "llama3" and (
        found["high_frequency_factor"] <= found["low_frequency_factor"]
    ):
        raise ValueError(
            "`high_frequency_factor` in `rope_scaling` must be above "
            "`low_frequency_factor`."
        )
    if found["query_beta"] and not found["original_context_length"]:
        raise ValueError("`query_beta` needs an `original_context_length`.")
    return found


def _is_right(name: str, value: Any, kind: str) -> bool:
    if name == "truncate":
        return isinstance(value, bool)
    if name == "divisors":
        is_list = isinstance(value, list | tuple) and 0 < len(value) <= _LONGEST
        return is_list and all(_is_number(each) and each > 0 for each in value)
    may_be_absent = name in _OF_ALL and KINDS[kind].get(name, 0) is not REQUIRED
    return _is_number(value) and (value > 0 or (may_be_absent and value == 0))


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < 2**53 and math.isfinite(value)
