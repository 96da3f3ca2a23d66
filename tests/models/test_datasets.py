"""Datasets of raw text: read batch by batch, whatever gives the batches."""

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from playground.models import MistralCausalLM, MistralCausalLMPreprocessor
from tests.conftest import tiny_model

TEXTS = ["the sea is wide", "the sky", "a new low", "lower and lower"]
BATCHES = [TEXTS[:2], TEXTS[2:]]


class Tensors:
    """As tf.data: tuples of byte strings to iterate over, again and again."""

    def __iter__(self) -> Iterator[Any]:
        for batch in BATCHES:
            yield np.array([text.encode() for text in batch], object), np.zeros(2)

    def __len__(self) -> int:
        return len(BATCHES)


class Endless:
    """As tf.data's or grain's `repeat()`: its length is unknown."""

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Iterator[Any]:
        for batch in itertools.cycle(BATCHES):
            self.read += 1
            yield batch

    def __len__(self) -> int:
        raise TypeError("The dataset is infinite.")


class Places:
    """As keras.utils.Sequence was: batches by number, and nothing to iterate over."""

    def __getitem__(self, index: int) -> list[str]:
        return BATCHES[index % 2]

    def __len__(self) -> int:
        return len(BATCHES)


class Batches(keras.utils.PyDataset):
    """Keras's own; it hears of epochs."""

    epochs = 0

    def __getitem__(self, index: int) -> tuple[list[str]]:
        return (BATCHES[index],)

    def __len__(self) -> int:
        return len(BATCHES)

    def on_epoch_end(self) -> None:
        self.epochs += 1


class Loader:
    """As PyTorch's: a list of a tuple of texts and an array."""

    def __iter__(self) -> Iterator[Any]:
        return iter([[tuple(batch), np.zeros(2)] for batch in BATCHES])

    def __len__(self) -> int:
        return len(BATCHES)


def learner(preprocessor: MistralCausalLMPreprocessor) -> MistralCausalLM:
    size = preprocessor.tokenizer.vocabulary_size()
    model = tiny_model(vocabulary_size=size, num_layers=1)  # as it compiles each time
    model = MistralCausalLM(model.backbone, preprocessor)
    model.compile(optimizer=keras.optimizers.SGD(0.01))
    return model


@pytest.fixture(scope="module")
def losses(preprocessor: MistralCausalLMPreprocessor) -> list[float]:
    """Of two epochs over the texts as plain batches."""
    history = learner(preprocessor).fit(
        TEXTS, None, 2, 2, 0, shuffle=False, validation_data=(TEXTS[:1],)
    )
    assert set(history.history) >= {"loss", "val_loss"}
    found: list[float] = history.history["loss"]
    return found


@pytest.mark.parametrize(
    "dataset", [BATCHES, Tensors(), Places(), Batches(), Loader()], ids=type
)
def test_fit_on_a_dataset_is_fit_on_its_batches(
    preprocessor: MistralCausalLMPreprocessor, losses: list[float], dataset: Any
) -> None:
    history = learner(preprocessor).fit(dataset, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)


def test_an_endless_dataset_is_read_only_as_far_as_it_is_used(
    preprocessor: MistralCausalLMPreprocessor, losses: list[float]
) -> None:
    read = []

    def endless() -> Iterator[list[str]]:
        while True:
            read.append(1)
            yield BATCHES[(len(read) - 1) % 2]

    model = learner(preprocessor)
    history = model.fit(
        endless(), epochs=2, steps_per_epoch=2, shuffle=False, verbose=0
    )
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    assert len(read) == 4
    again = Endless()
    history = learner(preprocessor).fit(
        again,
        epochs=2,
        steps_per_epoch=2,
        verbose=0,
        validation_data=again,
        validation_steps=1,
    )
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    assert again.read <= 4 + 2 + 2  # Keras looks at a first batch; two validations


def test_evaluate_and_predict_read_no_further_than_their_steps(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    model = learner(preprocessor)
    whole = model.evaluate(TEXTS, batch_size=2, verbose=0)
    assert model.evaluate(Endless(), steps=2, verbose=0) == pytest.approx(whole)
    assert model.evaluate(iter(BATCHES), steps=2, verbose=0) == pytest.approx(whole)
    logits = model.predict(TEXTS, batch_size=2, verbose=0)
    assert logits.shape == (4, 12, model.backbone.vocabulary_size)
    np.testing.assert_allclose(
        model.predict(Endless(), steps=2, verbose=0), logits, rtol=1e-5
    )
    np.testing.assert_allclose(model.predict(Tensors(), verbose=0), logits, rtol=1e-5)
    np.testing.assert_allclose(
        model.predict_on_batch(BATCHES[1]), logits[2:], rtol=1e-4, atol=1e-4
    )
    loss = model.test_on_batch(BATCHES[0])[0]
    assert model.train_on_batch(BATCHES[0])[0] == pytest.approx(loss, rel=1e-5)
    assert model.test_on_batch(BATCHES[0])[0] < loss


def test_a_spent_generator_says_so(preprocessor: MistralCausalLMPreprocessor) -> None:
    model, batches = learner(preprocessor), (batch for batch in BATCHES)
    with pytest.warns(UserWarning, match="ran out of data"):
        history = model.fit(batches, epochs=2, steps_per_epoch=2, verbose=0)
    assert len(history.history["loss"]) == 2
    with pytest.raises(ValueError, match="empty, or was read before"):
        model.fit(batches, verbose=0)
    for empty in ((batch for batch in []), EmptyDataset()):
        with pytest.raises(ValueError, match="empty, or was read before"):
            model.evaluate(empty, verbose=0)


class EmptyDataset(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: int) -> list[str]:
        raise IndexError


def test_a_generator_is_read_to_its_end_without_a_number_of_steps(
    preprocessor: MistralCausalLMPreprocessor, losses: list[float]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras says that it ended, which is so
        history = learner(preprocessor).fit((b for b in BATCHES), verbose=0)
    np.testing.assert_allclose(history.history["loss"], losses[:1], rtol=1e-5)


def test_a_pydataset_hears_of_its_epochs(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    dataset = Batches()
    learner(preprocessor).evaluate(dataset, verbose=0)
    assert dataset.epochs >= 1


def test_a_generator_of_arrays_is_as_in_keras(reader: MistralCausalLM) -> None:
    ids = np.arange(24).reshape(2, 12)
    inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
    reader.compile()
    batches = ((inputs, np.roll(ids, -1)) for _ in range(3))
    loss = reader.evaluate(batches, steps=3, verbose=0)[0]
    assert loss == pytest.approx(
        reader.evaluate(inputs, np.roll(ids, -1), verbose=0)[0]
    )


def test_a_weight_counts_all_tokens_of_its_text(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    _, _, weights = preprocessor(TEXTS[:2], ["any", "label"], [0.5, 0.0])
    plain = preprocessor(TEXTS[:2])[2]
    np.testing.assert_array_equal(weights, plain * [[0.5], [0.0]])
    with pytest.raises(ValueError, match="each of the 2 texts"):
        preprocessor(TEXTS[:2], None, [1.0])
    model = learner(preprocessor)
    first = model.evaluate([(TEXTS[:2], None, [1.0, 0.0])], verbose=0)[0]
    assert first == pytest.approx(
        model.evaluate(TEXTS[:2], sample_weight=[1.0, 0.0], verbose=0)[0]
    )
    assert first < model.evaluate(TEXTS[:2], verbose=0)[0]
    with pytest.raises(ValueError, match="brings its own labels"):
        model.fit(Tensors(), np.zeros(2))


def test_generate_writes_each_batch_when_it_is_read(reader: MistralCausalLM) -> None:
    reader.compile(sampler="greedy")
    answers = reader.generate(TEXTS)
    for dataset in (Tensors(), Places(), Batches(), Loader(), iter(BATCHES)):
        assert reader.generate(dataset) == answers

    def breaks() -> Iterator[list[str]]:
        yield BATCHES[0]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        reader.generate(breaks())


def test_generate_without_preprocessor_reads_batch_by_batch() -> None:
    model, written = tiny_model(), []
    fill = model._fill
    model._fill = lambda *given: written.append(1) or fill(*given)

    def batches() -> Iterator[dict[str, Any]]:
        for number in range(2):
            assert len(written) == number
            yield {"token_ids": [[1, 2, 0]], "padding_mask": [[1, 1, 0]]}

    found = model.generate(batches(), stop_token_ids=None)
    assert found["token_ids"].shape == (2, 3)
