"""Sequences out of a stream of tokens."""

import numpy as np
import pytest

from playground.models import MistralTokenizer
from playground.tokenizers import Tokenizer
from playground.training.batches import Sequences, cut, line_starts, token_stream
from playground.training.evaluation import overlapping

START, END = 1, 2


def test_sequences_begin_with_a_start_token_and_are_asked_for_what_follows() -> None:
    stream = np.array([5, 6, 7, 8, 9], np.int32)
    inputs, labels = cut(stream, np.array([0, 2]), 3, START)
    assert inputs["token_ids"].tolist() == [[START, 5, 6], [START, 7, 8]]
    assert inputs["padding_mask"].tolist() == [[1, 1, 1], [1, 1, 1]]
    assert labels.tolist() == [[5, 6, 7], [7, 8, 9]]


def test_a_stream_is_all_texts_and_their_ends(tokenizer: MistralTokenizer) -> None:
    stream = token_stream(["the sun", "of\nYork"], tokenizer)
    first, second = tokenizer.tokenize("the sun"), tokenizer.tokenize("of\nYork")
    assert stream.tolist() == [*first, END, *second, END]
    before_york = len(tokenizer.tokenize("of\n"))
    lines = line_starts(stream, tokenizer).tolist()
    assert lines == [0, len(first) + 1, len(first) + 1 + before_york]


@pytest.fixture
def lines(tokenizer: MistralTokenizer) -> Sequences:
    return _sequences(tokenizer, seed=0)


def _sequences(tokenizer: MistralTokenizer, seed: int) -> Sequences:
    text = "".join(f"line {number} of many\n" for number in range(200))
    return Sequences(
        token_stream([text], tokenizer),
        tokenizer,
        length=32,
        batch_size=4,
        steps_per_epoch=5,
        seed=seed,
    )


def _texts(batch: tuple, tokenizer: MistralTokenizer) -> list[str]:
    return [tokenizer.detokenize(row.tolist()) for row in batch[1]]


def test_every_sequence_begins_with_a_line(
    lines: Sequences, tokenizer: MistralTokenizer
) -> None:
    texts = [text for step in range(5) for text in _texts(lines[step], tokenizer)]
    assert len(texts) == 20
    assert all(text.startswith("line ") for text in texts)
    assert len(set(texts)) > 15


def test_the_order_is_decided_by_seed_and_step_alone(
    lines: Sequences, tokenizer: MistralTokenizer
) -> None:
    def labels(sequences: Sequences, epoch: int) -> list[np.ndarray]:
        sequences.follow().on_epoch_begin(epoch, None)
        return [sequences[step][1] for step in range(5)]

    first, second = labels(lines, 0), labels(lines, 1)
    assert not np.array_equal(first, second)
    again = _sequences(tokenizer, seed=0)  # a run that goes on in the second epoch
    np.testing.assert_array_equal(labels(again, 1), second)
    assert not np.array_equal(labels(_sequences(tokenizer, seed=1), 1), second)


def test_a_sequence_begins_with_the_line_it_would_have_cut(lines: Sequences) -> None:
    def starts(offset: int) -> list[int]:
        places = range(offset, len(lines._stream) - 32, 32)
        return [max(line for line in lines._lines if line <= at) for at in places]

    found = sorted(lines._starts_of_pass(0).tolist())
    assert found in [starts(offset) for offset in range(32)]


def test_a_few_passes_read_everything(lines: Sequences) -> None:
    num_tokens = len(lines._stream)
    seen = np.zeros(num_tokens, int)
    for number in range(8):
        for start in lines._starts_of_pass(number):
            seen[start : start + 32] += 1
    # Less is read of the ends, and of the end of a line where the next one is cut.
    assert (seen[32:-32] > 0).all()
    assert seen.mean() == pytest.approx(8, abs=0.5)
    assert seen.max() <= 16


def test_texts_that_are_too_short_are_refused(tokenizer: MistralTokenizer) -> None:
    with pytest.raises(ValueError, match="too few for sequences of 256"):
        Sequences(
            token_stream(["short"], tokenizer),
            tokenizer,
            length=256,
            batch_size=1,
            steps_per_epoch=1,
            seed=0,
        )


@pytest.mark.parametrize(
    ("num_tokens", "length", "starts"),
    [(11, 4, [0, 2, 4, 6, 7]), (8, 4, [0, 2, 4]), (4, 4, [0]), (1, 1, [0])],
)
def test_pieces_overlap_by_half(
    num_tokens: int, length: int, starts: list[int]
) -> None:
    assert overlapping(num_tokens, length).tolist() == starts


def test_a_tokenizer_without_an_end_token_is_refused() -> None:
    tokenizer = Tokenizer.__new__(MistralTokenizer)
    tokenizer.start_token_id, tokenizer.end_token_id = 1, None
    with pytest.raises(ValueError, match="lacks one of them"):
        token_stream(["text"], tokenizer)
