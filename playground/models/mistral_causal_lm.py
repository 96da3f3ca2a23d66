"""The Mistral model with its vocabulary head: logits, and text from a prompt."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import keras

from playground import samplers
from playground.engine import Event, Finished, Programs, Step, decode
from playground.engine.kv_cache import KVCache
from playground.models.loading import Report, say_nothing
from playground.models.mistral_backbone import MistralBackbone
from playground.models.mistral_causal_lm_preprocessor import (
    MistralCausalLMPreprocessor,
)
from playground.models.prompting import StopTokenIds, draw_seed, make_request, with_text
from playground.presets import resolve


@keras.saving.register_keras_serializable(package="mistral_playground")
class MistralCausalLM(keras.Model):
    """A Mistral language model.

    Called like its backbone, it gives logits [B, T, vocabulary]. `generate` and
    `stream` write text.

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

    @classmethod
    def from_preset(
        cls,
        preset: str,
        load_weights: bool = True,
        *,
        report: Report = say_nothing,
        **kwargs: Any,
    ) -> "MistralCausalLM":
        """A model from a preset's name or the path of a .gguf file.

        `kwargs` override the backbone's arguments, such as `dtype` or `sliding_window`.
        `report(message, fraction)` hears of the progress. Raises LoadError.
        """
        checkpoint = resolve(preset, report)
        backbone = MistralBackbone.from_checkpoint(
            checkpoint, load_weights, report, **kwargs
        )
        preprocessor = MistralCausalLMPreprocessor(checkpoint.tokenizer)
        return cls(backbone, preprocessor, name=checkpoint.name)

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

    def generate(
        self,
        inputs: str | Sequence[str],
        max_length: int | None = None,
        stop_token_ids: StopTokenIds = "auto",
        strip_prompt: bool = False,
    ) -> str | list[str]:
        """The prompt and what the model writes after it, for a string or several.

        Args:
            inputs: a prompt, or a list of prompts.
            max_length: tokens of prompt and answer together; None: the preprocessor's
                `sequence_length`.
            stop_token_ids: "auto" for the tokenizer's end of text or turn, None to run
                to the full length, or ids.
            strip_prompt: whether to return only the new text.

        Raises:
            ValueError: if an input is not text, is too long, or an id does not exist.
        """
        if isinstance(inputs, str):
            return self._generate_one(inputs, max_length, stop_token_ids, strip_prompt)
        return [
            self._generate_one(prompt, max_length, stop_token_ids, strip_prompt)
            for prompt in inputs
        ]

    def _generate_one(
        self,
        prompt: str,
        max_length: int | None,
        stop_token_ids: StopTokenIds,
        strip_prompt: bool,
    ) -> str:
        events = self.stream(
            prompt, max_length=max_length, stop_token_ids=stop_token_ids
        )
        pieces = [e.text for e in events if isinstance(e, Step | Finished)]
        return "".join(pieces) if strip_prompt else "".join([prompt, *pieces])

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
        if seed is None:
            seed = getattr(self.sampler, "seed", None)
        request = make_request(
            self.backbone,
            preprocessor.tokenizer,
            preprocessor.prompt_ids(prompt),
            sampler=self.sampler.values(),
            seed=draw_seed() if seed is None else seed,
            max_length=max_length,
            max_new_tokens=max_new_tokens,
            stop_token_ids=stop_token_ids,
            sliding_window=sliding_window,
        )
        events = decode(self.programs, request)
        return with_text(events, preprocessor.tokenizer, request.token_ids)

    @property
    def text_preprocessor(self) -> MistralCausalLMPreprocessor:
        """The preprocessor, or ValueError where there is none."""
        if self.preprocessor is None:
            raise ValueError(
                "This model has no preprocessor, so it cannot read text. Give one: "
                "MistralCausalLM(backbone, MistralCausalLMPreprocessor(tokenizer))."
            )
        return self.preprocessor
