"""What happens to text before the model sees it."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from playground.models.serialization import PACKAGE, deserialized
from playground.models.texts import Texts, as_texts
from playground.presets import PresetsProperty, describe
from playground.system.progress import Progress, say_nothing
from playground.tokenizers import ChatPrompt, Tokenizer, chat_prompt

Padded = dict[str, NDArray[np.int32]]
NO_CHAT_FORMAT = "This model has no chat template. Switch the chat format off."


@keras.saving.register_keras_serializable(package=PACKAGE)
class MistralCausalLMPreprocessor:
    """Makes the token ids that a `MistralCausalLM` reads, and text of what it wrote.

    Called, it prepares texts for `fit`: inputs, and as labels the same tokens one step
    later. With the tokens `<s> a b </s>` and a `sequence_length` of 4:

        token_ids     <s> a b </s>     padding_mask   1 1 1 1
        labels        a b </s> pad     sample_weight  1 1 1 0

    Args:
        tokenizer: makes ids of text.
        sequence_length: length of a padded sequence, in tokens, unless a call says
            otherwise.
        add_start_token: whether a text begins with the start token; None: as the
            tokenizer was trained.
        add_end_token: whether a text to learn from ends with the end token. Prompts
            never do.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        sequence_length: int = 1024,
        add_start_token: bool | None = None,
        add_end_token: bool = True,
    ) -> None:
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        if add_start_token is None:
            add_start_token = tokenizer.add_start_token
        self.add_start_token = add_start_token
        self.add_end_token = add_end_token

    presets = PresetsProperty()

    @classmethod
    def from_preset(
        cls, preset: str, *, report: Progress = say_nothing, **kwargs: Any
    ) -> "MistralCausalLMPreprocessor":
        """The preprocessor of a preset; no weights are read or downloaded.

        `preset` as in `MistralBackbone.from_preset`; `kwargs` override the preset's
        arguments, such as `sequence_length`. Raises LoadError.
        """
        found = describe(preset, report)
        return cls(found.tokenizer, **{**found.preprocessor, **kwargs})

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; the tokenizer with its whole vocabulary."""
        return {
            "tokenizer": keras.saving.serialize_keras_object(self.tokenizer),
            "sequence_length": self.sequence_length,
            "add_start_token": self.add_start_token,
            "add_end_token": self.add_end_token,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The preprocessor that `get_config` told of."""
        return cls(**{**config, "tokenizer": deserialized(config["tokenizer"])})

    def __call__(
        self,
        x: Texts,
        y: Any = None,
        sample_weight: Any = None,
        sequence_length: int | None = None,
    ) -> tuple[Padded, NDArray[np.int32], NDArray[Any]]:
        """Inputs, labels [B, T] and sample weights [B, T] for language modelling.

        The labels are the texts' own next tokens; as in keras-hub, `y` is not read.
        `sample_weight` [B] says how much each text counts, all of its tokens alike.
        """
        del y
        length = sequence_length or self.sequence_length
        end = self.tokenizer.end_token_id if self.add_end_token else None
        ends = [] if end is None else [end]
        rows = [
            self.prompt_ids(text)[: length + 1 - len(ends)] + ends for text in _list(x)
        ]
        ids, mask = self._padded(rows, length + 1)
        inputs = {"token_ids": ids[:, :-1], "padding_mask": mask[:, :-1]}
        weights: NDArray[Any] = mask[:, 1:]
        if sample_weight is not None:
            weights = weights * _for_each(rows, sample_weight)[:, None]
        return inputs, ids[:, 1:], weights

    def generate_preprocess(
        self, x: Texts, sequence_length: int | None = None
    ) -> Padded:
        """Prompts [B, T], padded on the right; T is `sequence_length`.

        Raises ValueError if a prompt is longer.
        """
        length = sequence_length or self.sequence_length
        rows = [self.prompt_ids(text) for text in _list(x)]
        if (longest := max(map(len, rows))) > length:
            raise ValueError(
                f"A prompt has {longest:,} tokens, more than the sequence length of "
                f"{length:,}. Raise one or shorten the other."
            )
        ids, mask = self._padded(rows, length)
        return {"token_ids": ids, "padding_mask": mask}

    def generate_postprocess(self, x: Mapping[str, Any]) -> list[str]:
        """The texts of `generate`'s token ids [B, T], without special tokens."""
        ids, mask = np.asarray(x["token_ids"]), np.asarray(x["padding_mask"])
        rows = zip(np.atleast_2d(ids), np.atleast_2d(mask), strict=True)
        return [
            self.tokenizer.detokenize(row[kept.astype(bool)].tolist())
            for row, kept in rows
        ]

    def _padded(
        self, rows: Sequence[Sequence[int]], length: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        ids = np.full((len(rows), length), self.tokenizer.pad_token_id or 0, np.int32)
        mask = np.zeros_like(ids)
        for row, its_ids, its_mask in zip(rows, ids, mask, strict=True):
            its_ids[: len(row)] = row
            its_mask[: len(row)] = 1
        return ids, mask

    def prompt_ids(self, text: str) -> list[int]:
        """The ids of a prompt; special tokens may be written out in it.

        In a `ChatPrompt` only the template's own are; what was typed is text.

        Raises ValueError if the text cannot be encoded.
        """
        if not isinstance(text, str):
            raise ValueError(f"A prompt must be a string, got {type(text).__name__}.")
        tokenizer = self.tokenizer
        start = [] if tokenizer.start_token_id is None else [tokenizer.start_token_id]
        starts = start if self.add_start_token else []
        if not isinstance(text, ChatPrompt):
            ids = tokenizer.tokenize(text, special=True)
        elif text.startswith(" "):  # as after a start token that a template writes
            return tokenizer.tokenize_pieces([*starts, *text.pieces])
        else:
            ids = tokenizer.tokenize_pieces(text.pieces)
        return ids if ids[:1] == start else [*starts, *ids]

    def chat_prompt(self, message: str) -> ChatPrompt:
        """`message` as a person's turn in the model's chat template.

        Special tokens that are spelt out in it are text like any other. Raises
        ValueError if the model has no template or the template fails.
        """
        if self.tokenizer.chat_template is None:
            raise ValueError(NO_CHAT_FORMAT)
        return chat_prompt(self.tokenizer, [{"role": "user", "content": message}])


def _for_each(texts: Sequence[Any], weights: Any) -> NDArray[np.float32]:
    numbers = np.asarray(weights, np.float32)
    if numbers.shape != (len(texts),):
        raise ValueError(
            "`sample_weight` must be one number for each of the "
            f"{len(texts)} texts, got the shape {numbers.shape}."
        )
    return numbers


def _list(x: Texts) -> list[str]:
    texts = as_texts(x)
    if texts is None:
        raise ValueError(
            f"Expected a text or a batch of texts, got {type(x).__name__}."
        )
    return texts
