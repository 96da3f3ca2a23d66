"""The layout of keras-hub: read, and written for it to read."""

from playground.presets.keras.folder import (
    config_from_keras,
    is_keras_preset,
    load_keras_preset,
)
from playground.presets.keras.writer import write_keras_preset

__all__ = [
    "config_from_keras",
    "is_keras_preset",
    "load_keras_preset",
    "write_keras_preset",
]
