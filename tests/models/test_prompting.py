"""Prompts that are too long: refused, or shortened as the person chose."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.engine import Request
from playground.models.prompting import make_request
from playground.samplers import GreedySampler

START = 1


def request(
    length: int, context: int | None = 8, start: bool = True, **changes: Any
) -> Request:
    """A prompt 1 2 3 ..., or 2 3 4 ... without the start token."""
    limits: Any = SimpleNamespace(
        vocabulary_size=1000, widest_window=None, context_length=context
    )
    tokenizer: Any = SimpleNamespace(start_token_id=START)
    first = START if start else START + 1
    values = {
        "sampler": GreedySampler(),
        "seed": 0,
        "max_length": None,
        "max_new_tokens": 2,
        "stop_token_ids": None,
        "sliding_window": None,
        "shorten_prompt": True,
    }
    ids = range(first, first + length)
    return make_request(limits, tokenizer, list(ids), **(values | changes))


@pytest.mark.parametrize(
    ("length", "changes", "prompt", "new"),
    [
        (6, {}, (1, 2, 3, 4, 5, 6), 2),  # it fits
        (7, {}, (1, 3, 4, 5, 6, 7), 2),
        (9, {}, (1, 5, 6, 7, 8, 9), 2),
        (9, {"start": False}, (5, 6, 7, 8, 9, 10), 2),
        (9, {"max_new_tokens": 100}, (1, 7, 8, 9), 4),  # at most half for the answer
        (9, {"max_new_tokens": None, "max_length": 5}, (1, 7, 8, 9), 1),
        (9, {"max_new_tokens": None, "max_length": 50}, (1, 4, 5, 6, 7, 8, 9), 1),
        (9, {"context": None}, (1, 2, 3, 4, 5, 6, 7, 8, 9), 2),  # nothing bounds it
    ],
)
def test_the_end_stays_with_the_start_token(
    length: int, changes: dict[str, Any], prompt: tuple[int, ...], new: int
) -> None:
    made = request(length, **changes)
    assert made.token_ids == prompt
    assert made.left_out_tokens == length - len(prompt)
    assert made.max_new_tokens == new


def test_it_is_refused_unless_shortening_was_chosen() -> None:
    with pytest.raises(ValueError, match="8 tokens, but this model reads at most 8"):
        request(8, shorten_prompt=False)
    with pytest.raises(ValueError, match="let it be shortened"):
        request(8, shorten_prompt=False)


@given(st.integers(1, 60), st.integers(2, 40), st.integers(1, 50), st.booleans())
def test_what_stays_fits_with_room_for_an_answer(
    length: int, context: int, new: int, start: bool
) -> None:
    made = request(length, context, start, max_new_tokens=new)
    stayed = len(made.token_ids)
    assert made.max_new_tokens >= 1
    assert stayed + made.max_new_tokens <= context
    assert stayed + made.left_out_tokens == length
    last = length if start else length + 1
    assert made.token_ids[-1] == last
    if not made.left_out_tokens:
        assert made.token_ids == tuple(range(last - length + 1, last + 1))
    else:
        assert made.max_new_tokens == min(new, context // 2)


@pytest.mark.parametrize("answer", [(5, 1000), (-1,)])
def test_a_token_that_the_model_lacks_is_refused(answer: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="this model's are 0 to 999"):
        request(4, answer_ids=answer)
