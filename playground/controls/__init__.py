"""What a user can change, declared once (declared.py) for every host.

A `Control` holds the name, the words and the bounds of one setting. The page, the
notebook panel, the command line, links, `GenerationSettings` and the samplers' chain
are made from them, so a bound or a sentence is written in one place only.
"""

from playground.controls.bounds import clipped
from playground.controls.control import (
    MAX_TEXT_LENGTH,
    MAX_TEXTS,
    MAX_TOKEN_IDS,
    Control,
    Group,
    Kind,
)
from playground.controls.declared import (
    BY_NAME,
    CONTROLS,
    DRAWING,
    DTYPES,
    LAST_TOKENS,
    ORDER_LABELS,
    SAMPLER_LABELS,
    SAMPLERS,
    SEARCHES,
)
from playground.controls.typed import (
    as_typed,
    escaped,
    parse_biases,
    parse_ids,
    parse_texts,
    parse_token_ids,
    read_value,
    unescaped,
)

__all__ = [
    "BY_NAME",
    "CONTROLS",
    "DRAWING",
    "DTYPES",
    "LAST_TOKENS",
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
    "as_typed",
    "clipped",
    "escaped",
    "parse_biases",
    "parse_ids",
    "parse_texts",
    "parse_token_ids",
    "read_value",
    "unescaped",
]
