"""Keras's training methods, on raw text too."""

from typing import Any

from playground.models.mistral_causal_lm_preprocessor import (
    MistralCausalLMPreprocessor,
)
from playground.models.quantization import Quantizable
from playground.models.texts import as_texts, text_batches


class Task(Quantizable):
    """A model with a preprocessor, or None where arrays are given."""

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

    def fit(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Keras's `fit`, on raw text too when there is a preprocessor.

        `x` is then a batch of texts, or a dataset: an iterable of batches.
        """
        if not self.compiled:
            self._compile_by_default()
        return super().fit(**self._prepared(x, y, kwargs))

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Keras's `evaluate`, on raw text too when there is a preprocessor."""
        if not self.compiled:
            self._compile_by_default()
        return super().evaluate(**self._prepared(x, y, kwargs))

    def predict(self, x: Any, **kwargs: Any) -> Any:
        """Logits [B, T, vocabulary], of raw text too when there is a preprocessor."""
        prepared = self._prepared(x, None, kwargs)
        return super().predict(
            **{k: v for k, v in prepared.items() if k not in ("y", "sample_weight")}
        )

    def _prepared(self, x: Any, y: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments with text made into tokens, labels and weights."""
        if self.preprocessor is None:
            return {"x": x, "y": y, **kwargs}
        if as_texts(x) is None:
            return {"x": text_batches(x, self.preprocessor), "y": y, **kwargs}
        inputs, labels, weights = self.preprocessor(
            x, y, kwargs.pop("sample_weight", None)
        )
        return {"x": inputs, "y": labels, "sample_weight": weights, **kwargs}

    def _compile_by_default(self) -> None:
        self.compile()
