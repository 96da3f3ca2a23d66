"""`generate`, `stream` and `compile`, as someone who knows keras-hub uses them."""

from itertools import pairwise
from typing import Any

import jax
import numpy as np
import pytest

from playground import samplers
from playground.engine import Beams, Finished, Step, compilations
from playground.models import MistralCausalLM
from playground.models.answers import Answer, answer_of
from tests.conftest import tiny_model

PROMPT = "the sea"
PADDED = {
    "token_ids": np.array([[5, 6, 7, 0, 0, 0, 0], [8, 9, 0, 0, 0, 0, 0]]),
    "padding_mask": np.array([[1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0]]),
}


def test_a_string_gives_a_string_and_a_list_a_list(reader: MistralCausalLM) -> None:
    reader.compile(sampler="greedy")
    prompts = [PROMPT, "a", "lower and lower"]  # of different lengths
    one_by_one = [reader.generate(prompt, max_length=11) for prompt in prompts]
    assert all(isinstance(text, str) for text in one_by_one)
    assert reader.generate(prompts, max_length=11) == one_by_one
    assert reader.generate(np.array(prompts), max_length=11) == one_by_one


def test_a_dataset_is_generated_batch_by_batch_and_joined(
    reader: MistralCausalLM,
) -> None:
    reader.compile(sampler="greedy")
    batches = [[PROMPT, "a"], ["lower"]]
    expected = reader.generate([PROMPT, "a", "lower"])
    assert reader.generate(iter(batches)) == expected
    assert reader.generate(np.array(batch) for batch in batches) == expected


def test_strip_prompt_gives_only_the_new_text(reader: MistralCausalLM) -> None:
    reader.compile(sampler="greedy")
    whole = reader.generate(PROMPT)
    assert whole == PROMPT + reader.generate(PROMPT, strip_prompt=True)
    assert len(whole) > len(PROMPT)


def test_max_length_counts_the_prompt_and_defaults_to_the_sequence_length(
    reader: MistralCausalLM,
) -> None:
    prompt = len(reader.text_preprocessor.prompt_ids(PROMPT))
    for max_length, total in ((None, 12), (prompt + 2, prompt + 2), (prompt, prompt)):
        steps = [
            event
            for event in reader.stream(PROMPT, max_length, stop_token_ids=None)
            if isinstance(event, Step)
        ]
        assert len(steps) == total - prompt


def test_stop_token_ids_are_auto_none_or_ids(reader: MistralCausalLM) -> None:
    reader.compile(sampler="greedy")
    free = [e for e in reader.stream(PROMPT, 40, None) if isinstance(e, Step)]
    stop = free[3].token_id
    *_, end = reader.stream(PROMPT, 40, [stop])
    assert isinstance(end, Finished)
    assert (end.reason, end.stopped_by) == ("stop", (stop,))
    for bad in ((10_000,), [(3, 10_000)], [()]):
        with pytest.raises(ValueError, match="in the vocabulary"):
            reader.generate(PROMPT, stop_token_ids=bad)
    with pytest.raises(ValueError, match="'auto', None or token ids"):
        reader.generate(PROMPT, stop_token_ids="END")


@pytest.mark.parametrize(
    "sampler", ["greedy", samplers.BeamSampler(1), samplers.ContrastiveSampler(1)]
)
def test_several_tokens_in_a_row_may_be_a_stop(
    reader: MistralCausalLM, sampler: Any
) -> None:
    reader.compile(sampler=sampler)
    whole = answer_of(reader.stream(PROMPT, 40, None)).token_ids
    # Two that come in this order late, and the first of them alone before.
    stop = next(
        (whole[i], whole[i + 1])
        for i in range(3, len(whole))
        if whole[i] in whole[: i - 1]
    )
    *_, end = events = list(reader.stream(PROMPT, 40, [stop, (stop[1], 299, 299)]))
    assert isinstance(end, Finished)
    assert (end.reason, end.stopped_by) == ("stop", stop)
    made = answer_of(events).token_ids
    assert made == whole[: len(made)]
    assert tuple(made[-2:]) == stop
    assert stop not in pairwise(made[:-1])


def test_a_prompt_longer_than_max_length_is_refused(reader: MistralCausalLM) -> None:
    with pytest.raises(ValueError, match="total length of 2"):
        reader.generate(PROMPT, max_length=2)


def test_what_is_no_text_is_refused(reader: MistralCausalLM) -> None:
    for bad in (7, [7], {"token_ids": [1]}, [["a", 7]]):
        with pytest.raises(ValueError, match="a batch a list of strings, got"):
            reader.generate(bad)


def test_a_batch_of_bytes_as_datasets_give_it(reader: MistralCausalLM) -> None:
    reader.compile(sampler="greedy")
    batch = np.array([PROMPT.encode(), "é".encode()])
    assert reader.generate([batch]) == reader.generate([PROMPT, "é"])


class TestWithoutPreprocessor:
    """Token ids in, token ids out."""

    def greedy(self, tiny: MistralCausalLM, ids: list[int], length: int) -> list[int]:
        """By calling the model on the whole text, in one shape: another one builds."""
        while (count := len(ids)) < length:
            whole = {
                "token_ids": np.array([ids + [0] * (7 - count)]),
                "padding_mask": np.arange(7)[None] < count,
            }
            ids = [*ids, int(np.asarray(tiny(whole))[0, count - 1].argmax())]
        return ids

    def test_prompts_are_continued_in_their_padding(
        self, tiny: MistralCausalLM
    ) -> None:
        tiny.sampler = samplers.get("greedy")
        out = tiny.generate(PADDED, stop_token_ids=None)
        expected = [self.greedy(tiny, ids, 7) for ids in ([5, 6, 7], [8, 9])]
        assert out["token_ids"].tolist() == expected
        assert out["padding_mask"].all()
        assert PADDED["token_ids"][0, 3] == 0  # what was given stays

    def test_a_stop_ends_a_row_and_leaves_padding(self, tiny: MistralCausalLM) -> None:
        tiny.sampler = samplers.get("greedy")
        stop = self.greedy(tiny, [5, 6, 7], 5)[4]
        out = tiny.generate(PADDED, stop_token_ids=[stop])
        row, mask = out["token_ids"][0].tolist(), out["padding_mask"][0].tolist()
        end = row.index(stop, 3)
        assert mask == [1] * (end + 1) + [0] * (6 - end)
        assert row[end + 1 :] == [0] * (6 - end)

    def test_auto_stop_needs_a_preprocessor(self, tiny: MistralCausalLM) -> None:
        with pytest.raises(ValueError, match="asks the preprocessor"):
            tiny.generate(PADDED)

    def test_text_needs_a_preprocessor(self, tiny: MistralCausalLM) -> None:
        with pytest.raises(ValueError, match="cannot read text"):
            tiny.stream(PROMPT)


def test_seeds_advance_with_each_call_and_start_anew_with_compile(
    reader: MistralCausalLM,
) -> None:
    def texts() -> list[str]:
        reader.compile(sampler=samplers.RandomSampler(seed=3, temperature=3.0))
        return [reader.generate(PROMPT) for _ in range(3)]

    first = texts()
    assert len(set(first)) == 3
    assert texts() == first
    reader.compile(sampler=samplers.RandomSampler(seed=3, temperature=3.0))
    assert reader.generate([PROMPT] * 3) == first


@pytest.mark.parametrize(
    "sampler", ["greedy", "random", "top_k", "top_p", samplers.TopKSampler(k=2)]
)
def test_samplers_are_swapped_without_compiling(
    reader: MistralCausalLM, sampler: Any
) -> None:
    reader.compile(sampler="greedy")
    reader.generate(PROMPT)
    before = compilations()
    reader.compile(sampler=sampler)
    reader.generate(PROMPT)
    assert compilations() == before


def test_an_unknown_sampler_is_refused_by_name(reader: MistralCausalLM) -> None:
    with pytest.raises(ValueError, match="greedy, random, top_k, top_p"):
        reader.compile(sampler="beams")


class SecondBest(samplers.Sampler):
    """A person's own sampler: the second most likely token; it counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def get_next_token(self, probabilities: jax.Array) -> np.ndarray:
        self.calls += 1
        chances = np.asarray(probabilities)
        np.testing.assert_allclose(chances.sum(axis=-1), 1, rtol=1e-5)
        return np.argsort(chances, axis=-1)[:, -2]


def test_a_persons_own_sampler_chooses_and_the_model_does_not_compile(
    tiny: MistralCausalLM,
) -> None:
    inputs = {"token_ids": np.array([[5, 6, 0]]), "padding_mask": np.array([[1, 1, 0]])}
    tiny.sampler = samplers.get("greedy")
    tiny.generate(inputs, stop_token_ids=None)
    before = compilations()
    tiny.sampler = SecondBest()
    chosen = tiny.generate(inputs, stop_token_ids=None)["token_ids"][0, 2]
    after = compilations()
    whole = {"token_ids": np.array([[5, 6]]), "padding_mask": np.ones((1, 2))}
    assert chosen == np.argsort(np.asarray(tiny(whole))[0, -1])[-2]
    assert tiny.sampler.calls == 1
    assert after.built + after.read - before.built - before.read <= 1


class OutOfRange(samplers.Sampler):
    def get_next_token(self, probabilities: jax.Array) -> int:
        return probabilities.shape[-1]


def test_a_persons_sampler_that_gives_no_token_is_told_so(
    tiny: MistralCausalLM,
) -> None:
    tiny.sampler = OutOfRange()
    inputs = {"token_ids": np.array([[5, 0]]), "padding_mask": np.array([[1, 0]])}
    with pytest.raises(ValueError, match=r"OutOfRange.get_next_token must give one"):
        tiny.generate(inputs, stop_token_ids=None)


def test_a_search_gives_its_best_text_or_all_of_them(reader: MistralCausalLM) -> None:
    def generate(inputs: Any, all_beams: bool) -> Any:
        reader.compile(sampler=samplers.BeamSampler(3, return_all_beams=all_beams))
        return reader.generate(inputs, max_length=11, stop_token_ids=None)

    best = generate([PROMPT, "a"], all_beams=False)
    every = generate([PROMPT, "a"], all_beams=True)
    assert [texts[0] for texts in every] == best
    assert [len(texts) for texts in every] == [3, 3]
    assert len(set(every[0])) == 3
    assert all(text.startswith(PROMPT) for text in every[0])
    assert generate(PROMPT, all_beams=True) == every[0]


def test_a_stream_of_beams_brings_the_whole_text_each_time(
    reader: MistralCausalLM,
) -> None:
    reader.compile(sampler=samplers.BeamSampler(3))
    *events, finished = reader.stream(PROMPT, stop_token_ids=None)
    steps = [event for event in events if isinstance(event, Beams)]
    text = PROMPT + steps[-1].text + finished.text
    assert text == reader.generate(PROMPT, stop_token_ids=None)
    assert [len(step.beams[0].token_ids) for step in steps] == [*range(1, 10)]


def test_arrays_of_all_beams_have_an_axis_for_them(tiny: MistralCausalLM) -> None:
    tiny.compile(sampler=samplers.BeamSampler(3, return_all_beams=True))
    made = tiny.generate(PADDED, stop_token_ids=None)
    assert made["token_ids"].shape == made["padding_mask"].shape == (2, 3, 7)
    assert made["log_probs"].shape == (2, 3)
    assert (np.diff(made["log_probs"]) <= 0).all()
    tiny.compile(sampler=samplers.BeamSampler(3))
    best = tiny.generate(PADDED, stop_token_ids=None)
    np.testing.assert_array_equal(best["token_ids"], made["token_ids"][:, 0])


def test_all_beams_of_an_answer_without_room_are_the_prompt(
    reader: MistralCausalLM,
) -> None:
    length = len(reader.text_preprocessor.prompt_ids(PROMPT))
    reader.compile(sampler=samplers.BeamSampler(2, return_all_beams=True))
    assert reader.generate(PROMPT, max_length=length) == [PROMPT, PROMPT]


def test_a_model_without_window_generates_too() -> None:
    model = tiny_model(sliding_window=None, context_length=40)
    model.sampler = samplers.get("greedy")
    inputs = {
        "token_ids": np.array([[5, 6] + [0] * 38]),
        "padding_mask": np.array([[1, 1] + [0] * 38]),
    }
    out = model.generate(inputs, stop_token_ids=None)
    assert out["padding_mask"].sum() == 40


def test_a_stream_has_its_own_sampler_begins_with_ids_and_goes_on(
    reader: MistralCausalLM,
) -> None:
    reader.compile(sampler="greedy")
    drawn = {"sampler": samplers.RandomSampler(seed=3, temperature=2.0)}

    def written(prompt: Any, length: int, **arguments: Any) -> Answer:
        return answer_of(reader.stream(prompt, length, None, **arguments))

    greedy = written(PROMPT, 40)
    whole = written(PROMPT, 40, **drawn, record=True)
    assert whole.token_ids != greedy.token_ids
    assert all(record is not None for record in whole.records)
    assert written(PROMPT, 40, sampler="random", seed=3) != whole  # temperature 1
    ids = reader.text_preprocessor.prompt_ids(PROMPT)
    before, after = whole.token_ids[:9], whole.token_ids[9:]
    rest = written(ids, 40, **drawn, answer_ids=before)
    assert rest.token_ids == after
    assert rest.records == [None] * len(after)
    assert written(ids, 20).token_ids == greedy.token_ids[: 20 - len(ids)]
    assert written(PROMPT, 40) == greedy  # the compiled one stays
