"""Which stop a text ends with."""

import pytest

from playground.engine import Request
from playground.samplers import GreedySampler

REQUEST = Request(
    token_ids=(1,),
    max_new_tokens=1,
    sampler=GreedySampler().values(),
    seed=0,
    stop_token_ids=frozenset({7, 9}),
    stop_sequences=((3, 7), (5, 3, 7), (4, 4)),
)


@pytest.mark.parametrize(
    ("made", "stop"),
    [
        ([7], (7,)),
        ([3, 1, 7], (7,)),
        ([1, 3, 7], (3, 7)),
        ([5, 3, 7], (5, 3, 7)),  # the longest wins
        ([4], ()),
        ([4, 4], (4, 4)),
        ([4, 4, 1], ()),  # only at the end
        ([1, 2], ()),
    ],
)
def test_the_longest_stop_at_the_end(made, stop):
    assert REQUEST.stop_at_end(made) == stop
    assert REQUEST.stop_at_end(tuple(made)) == stop
