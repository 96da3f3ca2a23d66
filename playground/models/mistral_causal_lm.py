"""The Mistral model with its vocabulary head: logits, and text from a prompt."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import keras
import numpy as np

from playground import samplers
from playground.engine import Event, Finished, Programs, Request, Step, decode
from playground.engine.kv_cache import KVCache
from playground.models.loading import Report, say_nothing
from playground.models.mistral_backbone import MistralBackbone
from playground.models.mistral_causal_lm_preprocessor import (
    MistralCausalLMPreprocessor,
    is_text,
)
from playground.models.prompting import StopTokenIds, draw_seed, make_request, with_text
from playground.presets import resolve
from playground.presets.keras import write_keras_preset


@keras.saving.register_keras_serializable(package="mistral_playground")
class MistralCausalLM(keras.Model):
    """A Mistral language model.

    Called like its backbone, it gives logits [B, T, vocabulary]. `generate` and
    `stream` write text, `score` reads it, `fit` learns from it.

    Args:
        backbone: the transformer.
        preprocessor: makes token ids of text; None where ids are given.
    """

    def __init__(
        self,
        backbone: MistralBackbone,
        preprocessor: MistralCausalLMPreprocessor | None = None,
        **kwargs: Any,
    ) -> None:
        logits = backbone.token_embedding(backbone.output, reverse=True)
        super().__init__(
            inputs=backbone.input, outputs=logits, dtype=backbone.dtype_policy, **kwargs
        )
        self._backbone = backbone
        self._preprocessor = preprocessor
        self.sampler = samplers.get("top_k")
        self._num_draws = 0

    @classmethod
    def from_preset(
        cls,
        preset: str,
        load_weights: bool = True,
        *,
        report: Report = say_nothing,
        **kwargs: Any,
    ) -> "MistralCausalLM":
        """A model from a preset.

        `preset` is a name, `hf://organisation/name`, the path of a folder (a Keras
        preset or Hugging Face's layout) or of a .gguf file. `kwargs` override the
        backbone's arguments, such as `dtype` or `sliding_window`. `report(message,
        fraction)` hears of the progress. Raises LoadError.
        """
        checkpoint = resolve(preset, report)
        backbone = MistralBackbone.from_checkpoint(
            checkpoint, load_weights, report, **kwargs
        )
        preprocessor = MistralCausalLMPreprocessor(checkpoint.tokenizer)
        return cls(backbone, preprocessor, name=checkpoint.name)

    def save_to_preset(self, preset_dir: str | Path) -> None:
        """Write a folder that `from_preset` reads, here and in keras-hub.

        A tied vocabulary head is written as a copy, since keras-hub cannot tie it, and
        `context_length` is not kept. Raises ValueError, and leaves no file, for
        what keras-hub has no form for: a byte-level tokenizer, LoRA, mixed dtypes.
        """
        preprocessor = self.text_preprocessor
        write_keras_preset(
            Path(preset_dir),
            self.backbone.get_config(),
            ((v.path, np.asarray(v.value)) for v in self.backbone.variables),
            preprocessor.tokenizer,
            sequence_length=preprocessor.sequence_length,
        )

    @property
    def backbone(self) -> MistralBackbone:
        """The transformer under the vocabulary head."""
        return self._backbone

    @property
    def preprocessor(self) -> MistralCausalLMPreprocessor | None:
        """What makes token ids of text, or None."""
        return self._preprocessor

    @cached_property
    def programs(self) -> Programs:
        """The compiled programs; shared by everything that runs this model."""
        return Programs(self)

    def call_with_cache(
        self,
        token_ids: jax.Array,
        cache: KVCache,
        start: jax.Array,
        count: jax.Array,
        window: jax.Array,
    ) -> tuple[jax.Array, KVCache]:
        """Logits float32 [B, V] after each row's last real token, and the new cache.

        Arguments as in `MistralBackbone.call_with_cache`.
        """
        hidden, cache = self.backbone.call_with_cache(
            token_ids, cache, start, count, window
        )
        last = jnp.take_along_axis(hidden, count[:, None, None] - 1, axis=1)
        logits = self.backbone.token_embedding(last, reverse=True)
        return logits[:, 0].astype(jnp.float32), cache

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        *,
        weighted_metrics: Any = "auto",
        sampler: Any = "top_k",
        **kwargs: Any,
    ) -> None:
        """Choose the sampler, and what `fit` does; "auto" as in keras-hub.

        `sampler` is a name, a `Sampler` or its config. A new one compiles nothing. The
        rest is Keras's; "auto" is Adam at 2e-5, cross entropy and accuracy.
        """
        if optimizer == "auto":
            optimizer = keras.optimizers.Adam(2e-5)
        if loss == "auto":
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        if weighted_metrics == "auto":
            weighted_metrics = [keras.metrics.SparseCategoricalAccuracy()]
        super().compile(
            optimizer=optimizer, loss=loss, weighted_metrics=weighted_metrics, **kwargs
        )
        self.sampler = samplers.get(sampler)
        self._num_draws = 0

    def fit(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Keras's `fit`, on raw text too when there is a preprocessor."""
        if not self.compiled:
            self.compile(sampler=self.sampler)
        return super().fit(**self._prepared(x, y, kwargs))

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Keras's `evaluate`, on raw text too when there is a preprocessor."""
        if not self.compiled:
            self.compile(sampler=self.sampler)
        return super().evaluate(**self._prepared(x, y, kwargs))

    def predict(self, x: Any, **kwargs: Any) -> Any:
        """Logits [B, T, vocabulary], of raw text too when there is a preprocessor."""
        prepared = self._prepared(x, None, kwargs)
        return super().predict(
            **{k: v for k, v in prepared.items() if k not in ("y", "sample_weight")}
        )

    def _prepared(self, x: Any, y: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments with text made into tokens, labels and weights."""
        if self.preprocessor is None or not is_text(x):
            return {"x": x, "y": y, **kwargs}
        inputs, labels, weights = self.preprocessor(
            x, y, kwargs.pop("sample_weight", None)
        )
        return {"x": inputs, "y": labels, "sample_weight": weights, **kwargs}

    def generate(
        self,
        inputs: Any,
        max_length: int | None = None,
        stop_token_ids: StopTokenIds = "auto",
        strip_prompt: bool = False,
    ) -> Any:
        """The prompt and what the model writes after it.

        Args:
            inputs: with a preprocessor a string, a list of strings, or a dataset: an
                iterable of such lists, whose answers are joined. Without one
                `{"token_ids": [B, T], "padding_mask": [B, T]}`, padded to the length
                that is wanted, or a dataset of such.
            max_length: tokens of prompt and answer together; None: the preprocessor's
                `sequence_length`. Without a preprocessor T holds.
            stop_token_ids: "auto" for the tokenizer's end of text or turn, None to run
                to the full length, or ids.
            strip_prompt: whether to return only the new text.

        Returns: a string for a string, else a list of strings; without a preprocessor
            the inputs' dict with the new tokens in it.

        Raises:
            ValueError: if an input is not text, is too long, or an id does not exist.
        """
        if self.preprocessor is None:
            batches = [inputs] if isinstance(inputs, Mapping) else list(inputs)
            filled = [self._fill(batch, stop_token_ids) for batch in batches]
            return {
                name: np.concatenate([np.atleast_2d(batch[name]) for batch in filled])
                for name in ("token_ids", "padding_mask")
            }
        write = partial(
            self._write,
            max_length=max_length,
            stop_token_ids=stop_token_ids,
            strip_prompt=strip_prompt,
        )
        if isinstance(inputs, str):
            return write(inputs)
        batches = [inputs] if is_text(inputs) else inputs
        return [write(str(prompt)) for batch in batches for prompt in batch]

    def _write(
        self,
        prompt: str,
        max_length: int | None,
        stop_token_ids: StopTokenIds,
        strip_prompt: bool,
    ) -> str:
        events = self.stream(prompt, max_length, stop_token_ids)
        text = "".join(e.text for e in events if isinstance(e, Step | Finished))
        return text if strip_prompt else prompt + text

    def _fill(
        self, batch: Mapping[str, Any], stop_token_ids: StopTokenIds
    ) -> dict[str, Any]:
        """Write the answers into the padding behind the prompts."""
        ids = np.atleast_2d(np.array(batch["token_ids"], np.int32))
        mask = np.atleast_2d(np.array(batch["padding_mask"], np.int32))
        for row_ids, row_mask in zip(ids, mask, strict=True):
            prompt = row_ids[row_mask.astype(bool)]
            request = self._request(
                prompt.tolist(), max_length=len(row_ids), stop_token_ids=stop_token_ids
            )
            events = decode(self.programs, request)
            answer = [e.token_id for e in events if isinstance(e, Step)]
            text = [*prompt.tolist(), *answer]
            row_ids[: len(text)], row_ids[len(text) :] = text, 0
            row_mask[: len(text)], row_mask[len(text) :] = 1, 0
        return {"token_ids": ids, "padding_mask": mask}

    def stream(
        self,
        prompt: str,
        max_length: int | None = None,
        stop_token_ids: StopTokenIds = "auto",
        *,
        max_new_tokens: int | None = None,
        sliding_window: int | None = None,
        seed: int | None = None,
    ) -> Iterator[Event]:
        """`generate`, event by event; closing the iterator ends the run.

        `max_new_tokens` counts only the answer. `sliding_window` may narrow the model's
        own. `seed` None takes the sampler's, or draws one.
        """
        preprocessor = self.text_preprocessor
        if max_length is None and max_new_tokens is None:
            max_length = preprocessor.sequence_length
        request = self._request(
            preprocessor.prompt_ids(prompt),
            max_length=max_length,
            max_new_tokens=max_new_tokens,
            stop_token_ids=stop_token_ids,
            sliding_window=sliding_window,
            seed=seed,
        )
        events = decode(self.programs, request)
        return with_text(events, preprocessor.tokenizer, request.token_ids)

    def _request(
        self,
        token_ids: Sequence[int],
        *,
        max_length: int | None,
        stop_token_ids: StopTokenIds,
        max_new_tokens: int | None = None,
        sliding_window: int | None = None,
        seed: int | None = None,
    ) -> Request:
        return make_request(
            self.backbone,
            self.preprocessor.tokenizer if self.preprocessor else None,
            token_ids,
            sampler=self.sampler,
            seed=self._next_seed() if seed is None else seed,
            max_length=max_length,
            max_new_tokens=max_new_tokens,
            stop_token_ids=stop_token_ids,
            sliding_window=sliding_window,
        )

    def _next_seed(self) -> int:
        """The sampler's seed, one further for each answer, as in keras-hub."""
        if self.sampler.seed is None:
            return draw_seed()
        self._num_draws += 1
        return (self.sampler.seed + self._num_draws - 1) % 2**32

    def score(
        self,
        token_ids: Any,
        padding_mask: Any = None,
        scoring_mode: Literal["logits", "loss"] = "logits",
        layer_intercept_fn: Callable[[jax.Array, int], jax.Array] | None = None,
        target_ids: Any = None,
    ) -> jax.Array:
        """What the model makes of a text that is already there.

        Args:
            token_ids: int [B, T].
            padding_mask: [B, T], 1 where there is a token; None for all.
            scoring_mode: "logits" gives [B, T, vocabulary]; "loss" gives [B, T], the
                negative log-probability in nats of `target_ids` [B, T].
            layer_intercept_fn: called as `fn(x, i)` with the embeddings (i = -1) and
                each layer's output x [B, T, hidden_dim]; what it gives goes on.
            target_ids: the tokens to score, usually the next ones.

        Raises:
            ValueError: for another mode, or "loss" without `target_ids`.
        """
        if scoring_mode not in ("logits", "loss"):
            raise ValueError(
                f"`scoring_mode` must be 'logits' or 'loss', got {scoring_mode!r}."
            )
        if scoring_mode == "loss" and target_ids is None:
            raise ValueError("`scoring_mode='loss'` needs `target_ids`.")
        intercept = layer_intercept_fn or (lambda x, _layer: x)
        ids = jnp.asarray(token_ids, jnp.int32)
        mask = jnp.ones_like(ids) if padding_mask is None else jnp.asarray(padding_mask)
        x = intercept(self.backbone.token_embedding(ids), -1)
        for index, layer in enumerate(self.backbone.transformer_layers):
            x = intercept(layer(x, padding_mask=mask), index)
        hidden = self.backbone.layer_norm(x)
        logits = self.backbone.token_embedding(hidden, reverse=True)
        if scoring_mode == "logits":
            return logits
        chances = jax.nn.log_softmax(logits.astype(jnp.float32))
        targets = jnp.asarray(target_ids, jnp.int32)[..., None]
        return -jnp.take_along_axis(chances, targets, axis=-1)[..., 0]

    @property
    def text_preprocessor(self) -> MistralCausalLMPreprocessor:
        """The preprocessor, or ValueError where there is none."""
        if self.preprocessor is None:
            raise ValueError(
                "This model has no preprocessor, so it cannot read text. Give one: "
                "MistralCausalLM(backbone, MistralCausalLMPreprocessor(tokenizer))."
            )
        return self.preprocessor
