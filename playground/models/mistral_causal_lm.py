"""The Mistral model with its vocabulary head: logits, and text from a prompt."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import jax
import jax.numpy as jnp
import keras
import numpy as np

from playground import samplers
from playground.engine import Programs
from playground.engine.kv_cache import KVCache
from playground.models.causal_lm import CausalLM
from playground.models.finding import find_preset
from playground.models.layer_programs import LayerPrograms
from playground.models.loading import assign_weights
from playground.models.mistral_backbone import MistralBackbone
from playground.models.mistral_causal_lm_preprocessor import (
    MistralCausalLMPreprocessor,
)
from playground.models.serialization import deserialized
from playground.presets import Checkpoint, PresetsProperty
from playground.presets.keras import write_keras_preset
from playground.system.progress import Progress, say_nothing


@keras.saving.register_keras_serializable(package="mistral_playground")
class MistralCausalLM(CausalLM):
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
        super().__init__(inputs=backbone.input, outputs=logits, **kwargs)
        self.dtype_policy = backbone.dtype_policy
        self._backbone = backbone
        self._preprocessor = preprocessor
        self.sampler = samplers.get("top_k")
        self.preset: str | None = None
        """What `from_preset` was asked for, if the model comes from there."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, vocabulary and all, and the sampler."""
        serialize = keras.saving.serialize_keras_object
        preprocessor, optimizer = self.preprocessor, getattr(self, "optimizer", None)
        # Not in the config of `compile`: Keras compiles plain clones with that.
        learnt = {"has_learnt": True} if optimizer and optimizer.built else {}
        return {
            **learnt,
            "backbone": serialize(self.backbone),
            "preprocessor": None if preprocessor is None else serialize(preprocessor),
            "sampler": serialize(self.sampler),
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """The model that `get_config` told of, with random weights."""
        with keras.saving.custom_object_scope(custom_objects or {}):
            parts = {name: deserialized(value) for name, value in config.items()}
        sampler, learnt = parts.pop("sampler", None), parts.pop("has_learnt", False)
        model = cls(**parts)
        model._has_learnt = learnt
        if sampler is not None:
            model.sampler = samplers.get(sampler)
        return model

    presets = PresetsProperty()

    @classmethod
    def from_preset(
        cls,
        preset: str,
        load_weights: bool = True,
        *,
        report: Progress = say_nothing,
        meanwhile: Callable[["MistralCausalLM"], AbstractContextManager[None]]
        | None = None,
        **kwargs: Any,
    ) -> "MistralCausalLM":
        """A model from a preset, with its preprocessor.

        `preset`, `load_weights` and `kwargs` as in `MistralBackbone.from_preset`, whose
        arguments they override. `report(message, fraction)` hears of the progress.
        The weights are read within the context that `meanwhile` makes of the model: all
        else is there, so another thread can compile its programs. Raises LoadError.
        """
        found = find_preset(preset, load_weights, report, kwargs.get("dtype"))
        preprocessor = MistralCausalLMPreprocessor(
            found.tokenizer, **found.preprocessor
        )
        backbone = MistralBackbone.from_description(found, not load_weights, **kwargs)
        model = cls(backbone, preprocessor, name=found.name)
        model.preset = preset
        if load_weights:
            assert isinstance(found, Checkpoint)
            with meanwhile(model) if meanwhile else nullcontext():
                assign_weights(backbone, found, report)
        return model

    def save_to_preset(self, preset_dir: str | Path) -> None:
        """Write a folder that `from_preset` reads, here and in keras-hub.

        A tied vocabulary head is written as a copy, since keras-hub cannot tie it, and
        `context_length` is not kept. Raises ValueError, and leaves no file, for
        what keras-hub has no form for: a byte-level tokenizer, LoRA, mixed dtypes,
        int8.
        """
        preprocessor = self.text_preprocessor
        write_keras_preset(
            Path(preset_dir),
            self.backbone.get_config(),
            ((v.path, np.asarray(v.value)) for v in self.backbone.variables),
            preprocessor.tokenizer,
            sequence_length=preprocessor.sequence_length,
            add_start_token=preprocessor.add_start_token,
            add_end_token=preprocessor.add_end_token,
        )

    @property
    def backbone(self) -> MistralBackbone:
        """The transformer under the vocabulary head."""
        return self._backbone

    @cached_property
    def programs(self) -> Programs:
        """The compiled programs; shared by everything that runs this model."""
        return Programs(self)

    @cached_property
    def layer_programs(self) -> LayerPrograms:
        """The compiled programs that tell what happens inside; see `explain`."""
        return LayerPrograms(self.backbone)

    def call_with_cache(
        self,
        token_ids: jax.Array,
        cache: KVCache,
        start: jax.Array,
        count: jax.Array,
        window: jax.Array,
    ) -> tuple[jax.Array, jax.Array, KVCache]:
        """What comes after each row's last real token, and the new cache.

        Arguments as in `MistralBackbone.call_with_cache`. Gives logits float32 [B, V],
        the hidden states [B, T, hidden_dim] of the new tokens, and the cache.
        """
        hidden, cache = self.backbone.call_with_cache(
            token_ids, cache, start, count, window
        )
        last = jnp.take_along_axis(hidden, count[:, None, None] - 1, axis=1)
        logits = self.backbone.token_embedding(last, reverse=True)
        return logits[:, 0].astype(jnp.float32), hidden, cache

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
