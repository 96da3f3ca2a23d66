"""Where models come from: names, files, downloads."""

from playground.presets.catalog import (
    DEFAULT_PRESET,
    PRESETS,
    Preset,
    PresetsProperty,
    presets_of,
)
from playground.presets.checkpoint import Checkpoint, Description
from playground.presets.errors import LoadError
from playground.presets.source import describe, is_on_this_machine, resolve
from playground.system.progress import Progress, say_nothing

__all__ = [
    "DEFAULT_PRESET",
    "PRESETS",
    "Checkpoint",
    "Description",
    "LoadError",
    "Preset",
    "PresetsProperty",
    "Progress",
    "describe",
    "is_on_this_machine",
    "presets_of",
    "resolve",
    "say_nothing",
]
