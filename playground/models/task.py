"""Keras's training methods, on raw text too."""

import inspect
from typing import Any

import keras

from playground.models.mistral_causal_lm_preprocessor import (
    MistralCausalLMPreprocessor,
)
from playground.models.quantization import Quantizable
from playground.models.texts import as_texts, is_dataset, prepared_dataset


class Task(Quantizable):
    """A model with a preprocessor, or None where arrays are given.

    With a preprocessor all of Keras's methods that train, measure or predict take raw
    text as `x`: a text, a batch of texts, or a dataset, which gives batches of texts or
    tuples that begin with one. It may be a generator, one of tf.data's or grain's, a
    PyDataset, a list of batches, or anything to iterate over; it is read batch by
    batch, so it may be endless where the number of steps is given. Labels come from
    the texts, and others are not read; sample weights [B] count whole texts.
    """

    _preprocessor: MistralCausalLMPreprocessor | None = None

    @property
    def preprocessor(self) -> MistralCausalLMPreprocessor | None:
        """What makes token ids of text, or None."""
        return self._preprocessor

    @property
    def text_preprocessor(self) -> MistralCausalLMPreprocessor:
        """The preprocessor, or ValueError where there is none."""
        if self.preprocessor is None:
            raise ValueError(
                "This model has no preprocessor, so it cannot read text. Give one: "
                "MistralCausalLM(backbone, MistralCausalLMPreprocessor(tokenizer))."
            )
        return self.preprocessor

    def fit(self, x: Any = None, y: Any = None, *rest: Any, **options: Any) -> Any:
        """Keras's `fit`, on raw text too when there is a preprocessor."""
        if not self.compiled:
            self._compile_by_default()
        return super().fit(**self._arguments("fit", x, y, *rest, **options))

    def evaluate(self, x: Any = None, y: Any = None, *rest: Any, **options: Any) -> Any:
        """Keras's `evaluate`, on raw text too when there is a preprocessor."""
        if not self.compiled:
            self._compile_by_default()
        return super().evaluate(**self._arguments("evaluate", x, y, *rest, **options))

    def predict(self, x: Any, *rest: Any, **options: Any) -> Any:
        """Logits [B, T, vocabulary], of raw text too when there is a preprocessor."""
        return super().predict(**self._arguments("predict", x, *rest, **options))

    def train_on_batch(self, x: Any, *rest: Any, **options: Any) -> Any:
        """Keras's `train_on_batch`, on raw text too when there is a preprocessor."""
        if not self.compiled:
            self._compile_by_default()
        arguments = self._arguments("train_on_batch", x, *rest, **options)
        return super().train_on_batch(**arguments)

    def test_on_batch(self, x: Any, *rest: Any, **options: Any) -> Any:
        """Keras's `test_on_batch`, on raw text too when there is a preprocessor."""
        if not self.compiled:
            self._compile_by_default()
        arguments = self._arguments("test_on_batch", x, *rest, **options)
        return super().test_on_batch(**arguments)

    def predict_on_batch(self, x: Any) -> Any:
        """Logits [B, T, vocabulary], of raw text too when there is a preprocessor."""
        return super().predict_on_batch(self._prepared(x)[0])

    def _arguments(self, method: str, *given: Any, **options: Any) -> dict[str, Any]:
        """The arguments of Keras's method by name, with text made into arrays."""
        signature = inspect.signature(getattr(keras.Model, method))
        arguments = dict(signature.bind(self, *given, **options).arguments)
        del arguments["self"]
        arguments |= arguments.pop("kwargs", {})
        names = [n for n in ("x", "y", "sample_weight") if n in signature.parameters]
        prepared = self._prepared(*(arguments.get(name) for name in names))
        arguments |= dict(zip(names, prepared, strict=False))
        if arguments.get("validation_data") is not None:
            arguments["validation_data"] = self._prepared_for_validation(
                arguments["validation_data"]
            )
        return arguments

    def _prepared(self, x: Any, y: Any = None, weights: Any = None) -> tuple[Any, ...]:
        """Inputs, labels and weights, made of text if it is text."""
        if self.preprocessor is None:
            return x, y, weights
        if as_texts(x) is not None:
            return self.preprocessor(x, y, weights)
        if is_dataset(x) and not (y is None and weights is None):
            raise ValueError(
                "A dataset brings its own labels and sample weights: let it give "
                "(texts, labels, weights), and leave `y` and `sample_weight` away."
            )
        return prepared_dataset(x, self.preprocessor), y, weights

    def _prepared_for_validation(self, data: Any) -> tuple[Any, ...]:
        """A tuple holds x, y and weights as in Keras; anything else is x."""
        is_tuple = isinstance(data, tuple) and as_texts(data) is None
        return self._prepared(*(data if is_tuple else (data,)))

    def _compile_by_default(self) -> None:
        self.compile()
