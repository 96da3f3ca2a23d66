"""Where models come from: names, files, downloads."""

from playground.presets.catalog import DEFAULT_PRESET, PRESETS, Preset
from playground.presets.checkpoint import Checkpoint
from playground.presets.errors import LoadError
from playground.presets.source import resolve

__all__ = ["DEFAULT_PRESET", "PRESETS", "Checkpoint", "LoadError", "Preset", "resolve"]
