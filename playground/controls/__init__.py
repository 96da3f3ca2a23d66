"""What a person can change, described once for every host.

A `Control` holds the name, the words and the bounds of one setting. The page, the
notebook panel, the command line and `GenerationSettings` all read the same tuple, so a
bound or a sentence is written in one place only.
"""

from playground.controls.control import (
    MAX_TEXT_LENGTH,
    MAX_TEXTS,
    MAX_TOKEN_IDS,
    Control,
    Group,
    Kind,
    clipped,
)
from playground.controls.declared import (
    BY_NAME,
    CONTROLS,
    DRAWING,
    DTYPES,
    ORDER_LABELS,
    SAMPLER_LABELS,
    SAMPLERS,
    SEARCHES,
)
from playground.controls.typed import (
    escaped,
    parse_biases,
    parse_ids,
    parse_texts,
    parse_token_ids,
    unescaped,
)

__all__ = [
    "BY_NAME",
    "CONTROLS",
    "DRAWING",
    "DTYPES",
    "MAX_TEXTS",
    "MAX_TEXT_LENGTH",
    "MAX_TOKEN_IDS",
    "ORDER_LABELS",
    "SAMPLERS",
    "SAMPLER_LABELS",
    "SEARCHES",
    "Control",
    "Group",
    "Kind",
    "clipped",
    "escaped",
    "parse_biases",
    "parse_ids",
    "parse_texts",
    "parse_token_ids",
    "unescaped",
]
