"""A playground for Mistral-family language models.

from playground.models import MistralCausalLM
model = MistralCausalLM.from_preset("smollm2_135m_instruct")
model.generate("Once upon a time", max_length=64)
"""

import os

# Keras reads this once, when it is first imported, and would take TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "jax")
if os.environ["KERAS_BACKEND"] != "jax":
    raise ImportError(
        "The playground runs on Keras with JAX, but KERAS_BACKEND is "
        f"{os.environ['KERAS_BACKEND']!r}. Unset it, or set it to jax."
    )

__version__ = "0.1.0"
