"""A SentencePiece vocabulary as Mistral's first models have it: BPE, with bytes."""

import io
from collections.abc import Iterable

import sentencepiece

SIZE = 2000


def train_vocabulary(texts: Iterable[str], size: int = SIZE) -> bytes:
    """The serialized model of a vocabulary with `size` pieces.

    `<unk>`, `<s>`, `</s>`, the 256 bytes and the line break are among them, so every
    text comes back as it was. Unlike Mistral's it writes no space before a text:
    what follows `<s>` is then spelt as at the start of any line.

    Raises ValueError if the texts are too few for so many pieces.
    """
    proto = io.BytesIO()
    lines = (line for text in texts for line in text.splitlines() if line)
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=lines,
            model_writer=proto,
            model_type="bpe",
            vocab_size=size,
            byte_fallback=True,
            character_coverage=1.0,
            split_digits=True,
            user_defined_symbols=["\n"],
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,
            num_threads=1,  # more would be no faster here
            minloglevel=2,
        )
    except RuntimeError as error:
        raise ValueError(
            f"No vocabulary of {size} pieces can be made of these texts: {error}"
        ) from error
    return proto.getvalue()
