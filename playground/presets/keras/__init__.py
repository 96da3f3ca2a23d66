"""The layout of keras-hub: read, and written for it to read."""

from playground.presets.keras.folder import (
    config_from_keras,
    describe_keras_preset,
    is_keras_preset,
    load_keras_preset,
)
from playground.presets.keras.names import INDEX_FILE
from playground.presets.keras.writer import (
    require_mistral_tokenizer,
    write_keras_backbone,
    write_keras_preset,
)

__all__ = [
    "INDEX_FILE",
    "config_from_keras",
    "describe_keras_preset",
    "is_keras_preset",
    "load_keras_preset",
    "require_mistral_tokenizer",
    "write_keras_backbone",
    "write_keras_preset",
]
