"""A model that writes text: which sampler it uses, and what it writes."""

import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np

from playground import samplers
from playground.engine import Beam, Event, Programs, Request, decode
from playground.models.answers import Answer, answer_of, text_of, with_text
from playground.models.mistral_backbone import MistralBackbone
from playground.models.prompting import StopTokenIds, draw_seed, make_request
from playground.models.task import Task
from playground.models.texts import batches_of, is_dataset, texts_of_batch
from playground.samplers import BeamSampler


class CausalLM(Task):
    """What a `MistralCausalLM` does with the tokens that its sampler chooses."""

    sampler: samplers.Sampler
    _num_draws = 0
    _has_learnt = False  # when it was saved

    @property
    @abstractmethod
    def backbone(self) -> MistralBackbone:
        """The transformer under the vocabulary head."""

    @property
    @abstractmethod
    def programs(self) -> Programs:
        """The compiled programs; shared by everything that runs this model."""

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

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as a saved model was, with the sampler that the model has."""
        arguments = keras.saving.deserialize_keras_object(config)
        self.compile(**arguments, sampler=self.sampler)
        if self._has_learnt:  # the optimizer's state is about to be loaded
            self.optimizer.build(self.trainable_variables)

    def _compile_by_default(self) -> None:
        self.compile(sampler=self.sampler)

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
                to the full length, or ids. `[2, (13, 13)]` ends at token 2, and where
                13 comes twice in a row.
            strip_prompt: whether to return only the new text.

        Returns: a string for a string, else a list of strings; without a preprocessor
            the inputs' dict with the new tokens in it. Where the sampler returns all
            beams, each answer is a list of strings, best first; without a preprocessor
            the arrays are [B, num_beams, T], beside "log_probs" [B, num_beams] (nats).

        Raises:
            ValueError: if an input is not text, is too long, or an id does not exist.
        """
        if self.preprocessor is None:
            is_batch = isinstance(inputs, Mapping)
            batches = [inputs] if is_batch else batches_of(inputs)
            filled = [self._fill(batch, stop_token_ids) for batch in batches]
            return {
                name: np.concatenate([batch[name] for batch in filled])
                for name in filled[0]
            }
        write = partial(
            self._write,
            max_length=max_length,
            stop_token_ids=stop_token_ids,
            strip_prompt=strip_prompt,
        )
        if isinstance(inputs, str):
            return write(inputs)
        batches = batches_of(inputs) if is_dataset(inputs) else [inputs]
        return [write(prompt) for batch in batches for prompt in _prompts(batch)]

    def _write(
        self,
        prompt: str,
        max_length: int | None,
        stop_token_ids: StopTokenIds,
        strip_prompt: bool,
    ) -> str | list[str]:
        answer = answer_of(self.stream(prompt, max_length, stop_token_ids))
        before = "" if strip_prompt else prompt
        if not self._returns_all_beams:
            return before + answer.text
        preprocessor = self.text_preprocessor
        context = preprocessor.prompt_ids(prompt)
        texts = (
            text_of(beam.token_ids, preprocessor.tokenizer, context)
            for beam in self._all_beams(answer)
        )
        return [before + text for text in texts]

    @property
    def _returns_all_beams(self) -> bool:
        sampler = self.sampler
        return isinstance(sampler, BeamSampler) and sampler.return_all_beams

    def _fill(
        self, batch: Mapping[str, Any], stop_token_ids: StopTokenIds
    ) -> dict[str, Any]:
        """Write the answers into the padding behind the prompts."""
        ids = np.atleast_2d(np.array(batch["token_ids"], np.int32))
        mask = np.atleast_2d(np.array(batch["padding_mask"], np.int32))
        rows = [
            self._fill_row(*row, stop_token_ids) for row in zip(ids, mask, strict=True)
        ]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _fill_row(
        self, ids: Any, mask: Any, stop_token_ids: StopTokenIds
    ) -> dict[str, Any]:
        """One row [T] of the batch, or of all its beams [num_beams, T]."""
        prompt = ids[mask.astype(bool)].tolist()
        request = self._request(
            prompt, max_length=len(ids), stop_token_ids=stop_token_ids
        )
        answer = answer_of(decode(self.programs, request))
        if not self._returns_all_beams:
            return _padded([*prompt, *answer.token_ids], len(ids))
        beams = self._all_beams(answer)
        texts = [_padded([*prompt, *beam.token_ids], len(ids)) for beam in beams]
        log_probs = np.array([beam.log_probability for beam in beams], np.float32)
        stacked = {name: np.stack([text[name] for text in texts]) for name in texts[0]}
        return {**stacked, "log_probs": log_probs}

    def _all_beams(self, answer: Answer) -> tuple[Beam, ...]:
        """The beams that were kept; without a step, as many empty ones."""
        assert isinstance(self.sampler, BeamSampler)
        return answer.beams or (Beam(),) * self.sampler.num_beams

    def stream(
        self,
        prompt: str | Sequence[int],
        max_length: int | None = None,
        stop_token_ids: StopTokenIds = "auto",
        *,
        max_new_tokens: int | None = None,
        sliding_window: int | None = None,
        stop_strings: Sequence[str] = (),
        seed: int | None = None,
        sampler: Any = None,
        shorten_prompt: bool = False,
        answer_ids: Sequence[int] = (),
        earlier_tokens: int = 0,
        record: bool = False,
    ) -> Iterator[Event]:
        """`generate`, event by event; closing the iterator ends the run.

        The prompt may be given as token ids, start token and all. `max_new_tokens`
        counts only the answer. `sliding_window` may narrow the model's own. The text
        ends before the first of `stop_strings`, wherever tokens begin and end. `seed`
        None takes the sampler's, or draws one. `sampler` is as in `compile`, for this
        run alone. `shorten_prompt`, `answer_ids` and `earlier_tokens` are as in
        `make_request`. With `record` each `Step` tells what was known when its token
        was drawn.
        """
        preprocessor = self.text_preprocessor
        if max_length is None and max_new_tokens is None:
            max_length = preprocessor.sequence_length
        if isinstance(prompt, str):
            prompt = preprocessor.prompt_ids(prompt)
        request = self._request(
            prompt,
            max_length=max_length,
            stop_token_ids=stop_token_ids,
            max_new_tokens=max_new_tokens,
            sliding_window=sliding_window,
            seed=seed,
            sampler=sampler,
            stop_strings=stop_strings,
            shorten_prompt=shorten_prompt,
            answer_ids=answer_ids,
            earlier_tokens=earlier_tokens,
        )
        stopped = threading.Event()
        return with_text(
            decode(self.programs, replace(request, record=record), stopped.is_set),
            preprocessor.tokenizer,
            prompt if answer_ids else request.token_ids,
            stop_strings,
            stopped.set,
            answer_ids,
        )

    def _request(
        self,
        token_ids: Sequence[int],
        *,
        max_length: int | None,
        stop_token_ids: StopTokenIds,
        max_new_tokens: int | None = None,
        sliding_window: int | None = None,
        seed: int | None = None,
        sampler: Any = None,
        stop_strings: Sequence[str] = (),
        shorten_prompt: bool = False,
        answer_ids: Sequence[int] = (),
        earlier_tokens: int = 0,
    ) -> Request:
        chosen = self.sampler if sampler is None else samplers.get(sampler)
        if seed is None:
            seed = self._next_seed() if sampler is None else chosen.seed
        return make_request(
            self.backbone,
            self.preprocessor.tokenizer if self.preprocessor else None,
            token_ids,
            sampler=chosen,
            seed=draw_seed() if seed is None else seed,
            max_length=max_length,
            max_new_tokens=max_new_tokens,
            stop_token_ids=stop_token_ids,
            sliding_window=sliding_window,
            stop_strings=stop_strings,
            shorten_prompt=shorten_prompt,
            answer_ids=answer_ids,
            earlier_tokens=earlier_tokens,
        )

    def _next_seed(self) -> int:
        """The sampler's seed, one further for each answer, as in keras-hub."""
        if self.sampler.seed is None:
            return draw_seed()
        self._num_draws += 1
        return (self.sampler.seed + self._num_draws - 1) % 2**32


def _prompts(batch: Any) -> list[str]:
    texts = texts_of_batch(batch)
    if texts is None:
        raise ValueError(
            f"A prompt must be a string, a batch a list of strings, got {batch!r:.80}."
        )
    return texts


def _padded(token_ids: Sequence[int], length: int) -> dict[str, Any]:
    """Ids [T] with padding behind them, and the mask that says so."""
    unused = (0, length - len(token_ids))
    return {
        "token_ids": np.pad(np.array(token_ids, np.int32), unused),
        "padding_mask": np.pad(np.ones(len(token_ids), np.int32), unused),
    }
