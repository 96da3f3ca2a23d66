"""What Keras needs to save and load objects of this project."""

from typing import Any

import keras

from playground.samplers.serialization import SAMPLERS
from playground.tokenizers import ByteLevelBPETokenizer, MistralTokenizer

PACKAGE = "mistral_playground"

# Their own packages do not know Keras.
for _class in (ByteLevelBPETokenizer, MistralTokenizer, *SAMPLERS.values()):
    keras.saving.register_keras_serializable(package=PACKAGE)(_class)


def deserialized(value: Any) -> Any:
    """An object from Keras's form of it; any other value as it is."""
    if not isinstance(value, dict):
        return value
    return keras.saving.deserialize_keras_object(value)
